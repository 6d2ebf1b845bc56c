module windlass.dev/sandbox/pause

go 1.24.0
