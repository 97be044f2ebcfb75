/** A CPU profile of one Worker inside of workerd, over its inspector, which speaks Chrome's protocol on a WebSocket. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, relative } from 'node:path'
import { root } from '../lib/paths.ts'
import { table } from './report.ts'
import { type ProfileNode, topFunctions } from './stages.ts'

interface Profile {
  readonly nodes: readonly ProfileNode[]
  readonly samples: readonly number[]
  readonly timeDeltas: readonly number[]
}

export class InspectorProfile {
  private readonly socket: WebSocket
  private readonly waiting = new Map<number, (result: unknown) => void>()
  private last = 0

  private constructor(socket: WebSocket) {
    this.socket = socket
    socket.addEventListener('message', ({ data }) => {
      const { id, result } = JSON.parse(String(data)) as { readonly id?: number; readonly result?: unknown }
      if (id === undefined) return
      this.waiting.get(id)?.(result)
      this.waiting.delete(id)
    })
  }

  /** `service`: the Worker, as the configuration names it. */
  static async start(port: number, service: string): Promise<InspectorProfile> {
    const response = await fetch(`http://127.0.0.1:${port}/json/list`)
    const targets = (await response.json()) as readonly { readonly id: string; readonly webSocketDebuggerUrl: string }[]
    const target = targets.find(({ id }) => id.endsWith(service))
    if (target === undefined) throw new Error(`the inspector knows no Worker "${service}"`)
    const socket = new WebSocket(target.webSocketDebuggerUrl)
    await new Promise((opened, failed) => {
      socket.addEventListener('open', opened)
      socket.addEventListener('error', () => failed(new Error(`the inspector of "${service}" did not answer`)))
    })
    const profile = new InspectorProfile(socket)
    await profile.call('Profiler.enable')
    await profile.call('Profiler.setSamplingInterval', { interval: 500 })
    await profile.call('Profiler.start')
    return profile
  }

  private call(method: string, params: object = {}): Promise<unknown> {
    const id = ++this.last
    return new Promise((resolve) => {
      this.waiting.set(id, resolve)
      this.socket.send(JSON.stringify({ id, method, params }))
    })
  }

  /** Ends the profile and writes it to a file that Chrome's tools read; gives a table of the top functions, us a unit of work. */
  async stop(file: string, work: number, unit: string): Promise<string> {
    const { profile } = (await this.call('Profiler.stop')) as { readonly profile: Profile }
    this.socket.close()
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, JSON.stringify(profile))
    const top = topFunctions(profile.nodes, profile.samples, profile.timeDeltas, 30)
    const lines = top.map(({ name, us }) => [name, (us / work).toFixed(3)])
    return `${table([['function, self time', `us/${unit}`], ...lines])}\nprofile in ${relative(root, file)}`
  }
}

/** The argument that makes workerd listen for a profiler. */
export const inspectorArgs = (port: number | undefined): string[] =>
  port === undefined ? [] : [`--inspector-addr=127.0.0.1:${port}`]

/** Does some work, and says where these Workers spent their time meanwhile; without a port it only does the work. */
export async function profiled<T>(
  port: number | undefined,
  services: readonly string[],
  what: { readonly file: string; readonly count: number; readonly unit: string; readonly say: (text: string) => void },
  work: () => Promise<T>,
): Promise<T> {
  if (port === undefined) return await work()
  const profiles = await Promise.all(services.map((service) => InspectorProfile.start(port, service)))
  const result = await work()
  for (const [at, profile] of profiles.entries()) {
    const file = `${what.file}-${services[at]}.cpuprofile`
    what.say(`Worker "${services[at]}"\n${await profile.stop(file, what.count, what.unit)}`)
  }
  return result
}
