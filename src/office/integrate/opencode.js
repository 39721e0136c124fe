// Made by `cellphone integrate`; its --undo takes it away.
// Tells the agent of its mail: at the first message of a session, after a
// tool when something is urgent, and when it is about to rest.
import { spawn } from "node:child_process"

const COMMAND = "cellphone"
const BEFORE = []
const AFTER = []

/** What the hook says at this moment; "" when it is silent or fails. */
function hook(moment, handed = {}) {
  return new Promise((resolve) => {
    const child = spawn(COMMAND, [...BEFORE, moment, ...AFTER], { stdio: ["pipe", "pipe", "ignore"], timeout: 10_000 })
    let said = ""
    child.stdout.on("data", (part) => (said += part))
    child.on("error", () => resolve(""))
    child.on("close", (code) => {
      try {
        resolve(code === 0 && said ? JSON.parse(said).text : "")
      } catch {
        resolve("")
      }
    })
    child.stdin.on("error", () => {})
    child.stdin.end(JSON.stringify(handed))
  })
}

export const Cellphone = async ({ client }) => {
  const begun = new Set()
  const known = new Map()

  /** Whether a session belongs to an agent inside the agent: the mail is not its own. */
  async function inner(id) {
    if (!known.has(id)) {
      const found = await client.session.get({ path: { id } }).catch(() => undefined)
      if (!found?.data) return true
      known.set(id, Boolean(found.data.parentID))
    }
    return known.get(id)
  }

  return {
    "chat.message": async ({ sessionID }, { parts }) => {
      if (await inner(sessionID)) return
      const texts = parts.filter((part) => part.type === "text")
      await hook("prompt", { prompt: texts.map((part) => part.text).join("\n") })
      const last = parts.at(-1)
      if (begun.has(sessionID) || !last) return
      begun.add(sessionID)
      const text = await hook("start")
      // Parts are kept in the order of their ids.
      if (text) parts.push({ ...last, id: `${last.id}z`, type: "text", text, synthetic: true })
    },
    "tool.execute.after": async ({ sessionID }, output) => {
      if (await inner(sessionID)) return
      const text = await hook("tool")
      if (text && typeof output.output === "string") output.output += `\n\n${text}`
    },
    event: async ({ event }) => {
      if (event.type !== "session.idle") return
      const id = event.properties.sessionID
      if (await inner(id)) return
      const text = await hook("stop")
      // Its answer is not waited for: other events come meanwhile.
      if (text) client.session.prompt({ path: { id }, body: { parts: [{ type: "text", text }] } }).catch(() => {})
    },
  }
}
