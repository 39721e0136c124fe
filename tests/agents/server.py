#!/usr/bin/env python3
"""A scripted model API on 127.0.0.1, so that the real agent programs can be
watched and woken without an account or a network.

Speaks as much of three protocols as the programs need: Anthropic messages
(POST /v1/messages), OpenAI responses (POST /v1/responses) and Gemini
(POST /v1beta/models/NAME:streamGenerateContent). What a turn does is decided
by the words of the user's last text:

    SLOW n      stream n seconds, a word every 250 ms
    ASK         ask to run `touch asked-by-the-script`, which needs permission
    TALK        print prompts and questions that look like a terminal's
    cellphone inbox   run `cellphone inbox` through the program's shell tool
    else        answer "Noted." at once

Every turn is appended to the log (JSON lines): program, user text, whether a
tool's result came back, and whether the program heard the answer out
(`finished`) or hung up in the middle of it. So the log is the proof of what
was submitted, as the program itself understood it.

    server.py --port-file FILE --log FILE [--inbox-command COMMAND]
"""

import argparse
import json
import os
import re
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

LOOKALIKE = "\n".join(
    ["A screen could show this:", "", "```", "> ", "❯ ", "│ > Type here", "Do it? [y/N] ", "```", "That is all."]
)


class Turn:
    """What the user's last text asks for: words to stream, and a command."""

    def __init__(self, text, has_result, inbox):
        self.text, self.pause, self.command = text, 0.0, None
        self.words = ["Noted."]
        slow = re.search(r"SLOW (\d+)", text)
        if has_result:
            self.words = ["Done", "with", "it."]
        elif slow:
            count = int(slow.group(1)) * 4
            self.words, self.pause = [f"word{n}" for n in range(count)], 0.25
        elif "ASK" in text:
            self.words, self.command = ["Asking."], "touch asked-by-the-script"
        elif "cellphone inbox" in text:
            self.words, self.command = ["Looking."], inbox
        elif "TALK" in text:
            self.words = [LOOKALIKE]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        self.plain({"data": [], "models": []})

    do_HEAD = do_GET

    def do_POST(self):
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            raw = b""
            while size := int(self.rfile.readline().strip() or b"0", 16):
                raw += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        else:
            raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        try:
            body = json.loads(raw)
        except ValueError:
            return self.plain({})
        path = self.path.split("?")[0]
        if path.endswith("/v1/messages"):
            return self.anthropic(body)
        if path.endswith("/responses"):
            return self.openai(body)
        if path.endswith(":streamGenerateContent"):
            return self.gemini(body, True)
        if path.endswith(":generateContent"):
            return self.gemini(body, False)
        if path.endswith("countTokens"):
            return self.plain({"totalTokens": 1})
        if path.endswith("count_tokens"):
            return self.plain({"input_tokens": 1})
        return self.plain({})

    # --- answers -----------------------------------------------------------

    def plain(self, value):
        data = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def begin(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True

    def event(self, value, name=None):
        head = f"event: {name}\n" if name else ""
        self.wfile.write(f"{head}data: {json.dumps(value)}\n\n".encode())
        self.wfile.flush()

    def turn(self, program, text, has_result):
        turn = Turn(text, has_result, self.server.inbox)
        turn.entry = {"program": program, "text": text, "result": has_result, "finished": False, "at": time.time()}
        return turn

    def run(self, turn, stream):
        """Streams a turn and writes down how it ended."""
        self.server.note({**turn.entry, "begun": True})
        try:
            stream()
            turn.entry["finished"] = True
        except (BrokenPipeError, ConnectionResetError):
            pass
        self.server.note({**turn.entry, "seconds": time.time() - turn.entry["at"]})

    def pieces(self, turn):
        for number, word in enumerate(turn.words):
            yield word if number == 0 else " " + word
            time.sleep(turn.pause)

    # --- Anthropic ---------------------------------------------------------

    def anthropic(self, body):
        text, has_result = "", False
        for message in body.get("messages", []):
            if message.get("role") != "user":
                continue
            content = message.get("content")
            blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
            results = [b for b in blocks if b.get("type") == "tool_result"]
            texts = [b["text"] for b in blocks if b.get("type") == "text" and not b["text"].startswith(("<system-reminder>", "[Request interrupted"))]
            if results:
                has_result = True
            if texts:
                has_result = bool(results)
                text = "\n".join(texts)
        tools = {t.get("name") for t in body.get("tools") or []}
        # OpenCode speaks this protocol too, and names its shell in small letters.
        shell = next((name for name in ("Bash", "bash") if name in tools), None)
        side = shell is None
        turn = self.turn("opencode" if shell == "bash" else "claude-code", text, has_result)
        if side:
            turn.words, turn.command, turn.pause = ["{}"], None, 0.0
        usage = {"input_tokens": 1, "output_tokens": 1}
        message = {
            "id": f"msg_{time.time_ns()}", "type": "message", "role": "assistant", "model": body.get("model", "m"),
            "content": [], "stop_reason": None, "stop_sequence": None, "usage": usage,
        }
        if not body.get("stream"):
            done = {**message, "content": [{"type": "text", "text": " ".join(turn.words)}], "stop_reason": "end_turn"}
            return self.plain(done)

        def stream():
            def send(kind, **more):
                self.event({"type": kind, **more}, kind)

            send("message_start", message=message)
            send("content_block_start", index=0, content_block={"type": "text", "text": ""})
            for piece in self.pieces(turn):
                send("content_block_delta", index=0, delta={"type": "text_delta", "text": piece})
            send("content_block_stop", index=0)
            reason = "end_turn"
            if turn.command:
                reason = "tool_use"
                block = {"type": "tool_use", "id": f"toolu_{time.time_ns()}", "name": shell, "input": {}}
                send("content_block_start", index=1, content_block=block)
                call = json.dumps({"command": turn.command, "description": "Runs what the script says"})
                send("content_block_delta", index=1, delta={"type": "input_json_delta", "partial_json": call})
                send("content_block_stop", index=1)
            send("message_delta", delta={"stop_reason": reason, "stop_sequence": None}, usage=usage)
            send("message_stop")

        self.begin()
        if side:
            return stream()
        self.run(turn, stream)

    # --- OpenAI responses --------------------------------------------------

    def openai(self, body):
        text, has_result = "", False
        for item in body.get("input", []):
            kind = item.get("type", "message")
            if kind == "message" and item.get("role") == "user":
                found = " ".join(c.get("text", "") for c in item.get("content", []) if isinstance(c, dict))
                if found.lstrip().startswith("<") and not found.startswith("<hook_prompt"):
                    continue
                text, has_result = found, False
            elif kind.endswith("_output"):
                has_result = True
        tools = {t.get("name") or t.get("type") for t in body.get("tools") or []}
        turn = self.turn("codex", text, has_result)
        if not tools:
            turn.command = None
        number = time.time_ns()
        usage = {
            "input_tokens": 1, "input_tokens_details": {"cached_tokens": 0}, "output_tokens": 1,
            "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": 2,
        }

        def call():
            command = turn.command
            if "exec_command" in tools:
                name, arguments = "exec_command", {"cmd": command}
            elif "shell_command" in tools:
                name, arguments = "shell_command", {"command": command}
            else:
                name, arguments = "shell", {"command": ["bash", "-lc", command]}
            return {
                "type": "function_call", "id": f"fc_{number}", "call_id": f"call_{number}", "name": name,
                "arguments": json.dumps(arguments),
            }

        def stream():
            def send(kind, **more):
                self.event({"type": kind, **more}, kind)

            send("response.created", response={"id": f"resp_{number}"})
            whole = {"type": "message", "id": f"msg_{number}", "role": "assistant", "content": []}
            send("response.output_item.added", output_index=0, item=whole)
            said = ""
            for piece in self.pieces(turn):
                said += piece
                send("response.output_text.delta", item_id=whole["id"], output_index=0, content_index=0, delta=piece)
            whole = {**whole, "content": [{"type": "output_text", "text": said}]}
            send("response.output_item.done", output_index=0, item=whole)
            if turn.command:
                send("response.output_item.done", output_index=1, item=call())
            send("response.completed", response={"id": f"resp_{number}", "usage": usage})

        self.begin()
        self.run(turn, stream)

    # --- Gemini ------------------------------------------------------------

    def gemini(self, body, streaming):
        text, has_result = "", False
        for content in body.get("contents", []):
            if content.get("role") != "user":
                continue
            parts = content.get("parts", [])
            if any("functionResponse" in p for p in parts):
                has_result = True
            else:
                said = [p.get("text", "") for p in parts]
                said = [one for one in said if "<session_context>" not in one]
                if said:
                    text, has_result = "\n".join(said), False
        tools = json.dumps(body.get("tools") or [])
        turn = self.turn("gemini-cli", text, has_result)

        def chunk(parts, last):
            candidate = {"content": {"role": "model", "parts": parts}, "index": 0}
            if last:
                candidate["finishReason"] = "STOP"
            usage = {"promptTokenCount": 1, "candidatesTokenCount": 1, "totalTokenCount": 2}
            return {"candidates": [candidate], "usageMetadata": usage, "modelVersion": "script"}

        if not streaming:
            # Side questions of the program (routing, checks) want JSON.
            return self.plain(chunk([{"text": '{"reasoning": "short", "model_choice": "flash"}'}], True))
        if "run_shell_command" not in tools:
            turn.command = None

        def stream():
            for piece in self.pieces(turn):
                self.event(chunk([{"text": piece}], False))
            if turn.command:
                call = {"name": "run_shell_command", "args": {"command": turn.command, "description": "As the script says"}}
                self.event(chunk([{"functionCall": call}], True))
            else:
                self.event(chunk([{"text": ""}], True))

        self.begin()
        self.run(turn, stream)


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, log, inbox):
        super().__init__(("127.0.0.1", 0), Handler)
        self.log, self.inbox, self.lock = open(log, "a", encoding="utf-8"), inbox, threading.Lock()

    def note(self, entry):
        with self.lock:
            self.log.write(json.dumps(entry) + "\n")
            self.log.flush()

    def handle_error(self, request, client_address):
        pass  # A program that hangs up is its own business.


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--port-file", required=True)
    arguments.add_argument("--log", required=True)
    arguments.add_argument("--inbox-command", default="cellphone inbox")
    options = arguments.parse_args()
    server = Server(options.log, options.inbox_command)
    with open(options.port_file + ".tmp", "w", encoding="utf-8") as out:
        out.write(str(server.server_address[1]))
    os.replace(options.port_file + ".tmp", options.port_file)
    server.serve_forever()


if __name__ == "__main__":
    main()
