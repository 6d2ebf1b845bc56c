def loud(line):
    return line.upper()
