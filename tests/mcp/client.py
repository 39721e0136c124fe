#!/usr/bin/env python3
"""The official Python client of the Model Context Protocol, driven by the
suite: takes the steps that it reads as JSON from standard input with a
server, and prints what each answered, a JSON document a line.
  client.py PROGRAM [ARG...]  < steps.json
A step is ["call", TOOL, {...}], ["read", URI], ["prompt", NAME, {...}], or the
name of one of the client's own questions, as ["list_tools"]."""
import asyncio
import json
import os
import sys

from mcp import ClientSession, MCPError, StdioServerParameters, stdio_client


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


async def main():
    steps = json.load(sys.stdin)
    server = StdioServerParameters(command=sys.argv[1], args=sys.argv[2:], env=dict(os.environ))
    async with stdio_client(server) as (read, write), ClientSession(read, write) as session:
        print(json.dumps(plain(await session.initialize())), flush=True)
        for step in steps:
            print(json.dumps(await run(session, *step)), flush=True)


asyncio.run(main())
