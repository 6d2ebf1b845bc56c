from main import build

flow = build("LINE")
