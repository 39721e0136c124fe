#!/usr/bin/env python3
"""The official Python client of the Model Context Protocol, driven by the
suite: takes the steps that it reads as JSON from standard input with a
server, and prints what each answered, a JSON document a line.
  client.py PROGRAM [ARG...]  < steps.json      on standard input and output
  client.py URL TOKEN         < steps.json      over streamable HTTP
A step is ["call", TOOL, {...}], ["read", URI], ["prompt", NAME, {...}], or the
name of one of the client's own questions, as ["list_tools"]."""
import asyncio
import json
import os
import sys

from mcp import ClientSession, MCPError, StdioServerParameters, stdio_client
from mcp.client.streamable_http import create_mcp_http_client, streamable_http_client


def plain(value):
    return json.loads(value.model_dump_json(by_alias=True, exclude_none=True))


async def run(session, what, *rest):
    try:
        if what == "call":
            answer = plain(await session.call_tool(*rest))
            return {"error": answer["isError"], "data": json.loads(answer["content"][0]["text"])}
        if what == "read":
            return json.loads(plain(await session.read_resource(*rest))["contents"][0]["text"])
        if what == "prompt":
            return plain(await session.get_prompt(*rest))
        return plain(await getattr(session, what)())
    except MCPError as e:
        return {"protocol_error": e.code, "message": e.message}


def server():
    if sys.argv[1].startswith("http:"):
        headers = {"Authorization": f"Bearer {sys.argv[2]}"}
        return streamable_http_client(sys.argv[1], http_client=create_mcp_http_client(headers=headers))
    return stdio_client(StdioServerParameters(command=sys.argv[1], args=sys.argv[2:], env=dict(os.environ)))


async def main():
    steps = json.load(sys.stdin)
    async with server() as streams, ClientSession(streams[0], streams[1]) as session:
        print(json.dumps(plain(await session.initialize())), flush=True)
        for step in steps:
            print(json.dumps(await run(session, *step)), flush=True)


asyncio.run(main())
