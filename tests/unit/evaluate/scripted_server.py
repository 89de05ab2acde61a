"""A language server of a few lines for tests of the evaluation: it knows the text and answers as its script says.

argv[1] is JSON: {"truth": text the suggestions come from, "suggest": characters per suggestion, "die_on": method,
"garbage_on": method, "silent_on": method, "delay_ms": before an inline answer}. Not a test.
"""

import hashlib
import json
import sys
import threading

script = json.loads(sys.argv[1]) if len(sys.argv) > 1 else {}
texts = {}
cancelled = set()
writing = threading.Lock()
shut_down = False


def send(message):
    body = json.dumps({"jsonrpc": "2.0", **message}).encode()
    with writing:
        sys.stdout.buffer.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
        sys.stdout.buffer.flush()


def read():
    length = 0
    while True:
        line = sys.stdin.buffer.readline()
        if not line:
            raise SystemExit(1)
        if line == b"\r\n":
            return json.loads(sys.stdin.buffer.read(length))
        if line.lower().startswith(b"content-length"):
            length = int(line.split(b":")[1])


def offset(text, position):
    lines = text.split("\n")
    line = lines[position["line"]].encode("utf-16-le")
    before = line[: 2 * position["character"]].decode("utf-16-le")
    return sum(len(part) + 1 for part in lines[: position["line"]]) + len(before)


def suggestion(uri, position):
    """The next characters of the truth, where everything before the caret is true and nothing of it follows."""
    text, truth = texts[uri], script.get("truth", "")
    at = offset(text, position)
    rest = truth[at : at + script.get("suggest", 0)].split("\n")[0]
    return rest if truth.startswith(text[:at]) and rest else None


def inline(message):
    params = message["params"]
    text = suggestion(params["textDocument"]["uri"], params["position"])
    items = [{"insertText": text, "range": {"start": params["position"], "end": params["position"]}}] if text else []

    def answer():
        if message["id"] in cancelled:
            send({"id": message["id"], "error": {"code": -32800, "message": "cancelled"}})
        else:
            send({"id": message["id"], "result": {"items": items}})

    if script.get("delay_ms"):
        threading.Timer(script["delay_ms"] / 1000, answer).start()
    else:
        answer()


while True:
    message = read()
    method = message.get("method")
    params = message.get("params")
    if method and method == script.get("die_on"):
        sys.stderr.write("the script says so\n")
        sys.stderr.flush()
        raise SystemExit(7)
    if method and method == script.get("garbage_on"):
        sys.stdout.buffer.write(b"Content-Length: nonsense\r\n\r\n")
        sys.stdout.buffer.flush()
    elif method and method == script.get("silent_on"):
        pass
    elif method == "initialize":
        send({"id": message["id"], "result": {"capabilities": {"positionEncoding": "utf-16"}, "serverInfo": params}})
    elif method == "initialized":
        send({"id": "a", "method": "workspace/configuration", "params": {"items": [{"section": "codehearth"}]}})
        send({"id": "b", "method": "nobody/knows", "params": None})
        send({"method": "codehearth/status", "params": {"state": "ready", "busy": False, "message": "", "model": "m"}})
    elif method == "textDocument/didOpen":
        texts[params["textDocument"]["uri"]] = params["textDocument"]["text"]
    elif method == "textDocument/didChange":
        uri = params["textDocument"]["uri"]
        for change in params["contentChanges"]:
            start, end = (offset(texts[uri], change["range"][side]) for side in ("start", "end"))
            texts[uri] = texts[uri][:start] + change["text"] + texts[uri][end:]
    elif method == "textDocument/inlineCompletion":
        inline(message)
    elif method == "$/cancelRequest":
        cancelled.add(params["id"])
    elif method == "codehearth/status":
        send({"id": message["id"], "result": {"state": "ready", "busy": False, "message": "", "model": "m"}})
    elif method == "codehearth/why":
        why = {
            "mode": "line",
            "snippets": [],
            "fromCache": False,
            "reanchored": None,
            "reused": 100,
            "evaluated": 2,
            "generated": 3,
            "milliseconds": {"total": 1.0, "prefill": 0.5},
            "logprob": -0.5,
            "silence": None,
            "detail": "",
        }
        send({"id": message["id"], "result": why})
    elif method == "codehearth/lag":
        histogram = [{"upTo": 5.0, "count": 9}, {"upTo": None, "count": 1}]
        send({"id": message["id"], "result": {"on": params["on"], "count": 10, "maximum": 6.5, "histogram": histogram}})
    elif method == "test/text":
        send({"id": message["id"], "result": texts[params["uri"]]})
    elif method == "test/fingerprint":
        send({"id": message["id"], "result": hashlib.sha256(texts[params["uri"]].encode()).hexdigest()})
    elif method == "shutdown":
        shut_down = True
        send({"id": message["id"], "result": None})
    elif method == "exit":
        raise SystemExit(0 if shut_down else 1)
    elif "id" in message and method:
        send({"id": message["id"], "error": {"code": -32601, "message": "no such method"}})
    elif "id" in message:
        texts[f"reply:{message['id']}"] = json.dumps(message.get("result", message.get("error")))
