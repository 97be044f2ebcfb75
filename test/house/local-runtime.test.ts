import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { freePort } from '../../scripts/local/port.ts'
import { type Runtime, startRuntime } from '../../scripts/local/workerd.ts'
import type { Service } from '../../scripts/local/workerd-config.ts'

const counter = `
import { DurableObject, WorkerEntrypoint } from 'cloudflare:workers'
export class Counter extends DurableObject {
  add() {
    const { sql } = this.ctx.storage
    sql.exec('CREATE TABLE IF NOT EXISTS n (v INTEGER)')
    sql.exec('INSERT INTO n VALUES (1)')
    return sql.exec('SELECT COUNT(*) AS n FROM n').one().n
  }
}
export class Greeter extends WorkerEntrypoint { greet() { return this.env.GREETING } }
export default { fetch() { return new Response('owner') } }
`
const door = `
export default {
  async fetch(request, env) {
    const { pathname } = new URL(request.url)
    if (pathname === '/v1/health') return new Response('ok')
    if (pathname === '/greet') return new Response(await env.GREETER.greet())
    return new Response(String(await env.COUNTER.get(env.COUNTER.idFromName('a')).add()))
  },
}
`
const greeting = 'quotes " and \\ and \u0001 and é'
const services: Service[] = [
  {
    name: 'owner',
    modules: [{ name: 'index.js', kind: 'esModule', text: counter }],
    bindings: [{ kind: 'text', name: 'GREETING', value: greeting }],
    durableObjects: ['Counter'],
  },
  {
    name: 'door',
    modules: [{ name: 'index.js', kind: 'esModule', text: door }],
    bindings: [
      { kind: 'service', name: 'GREETER', service: 'owner', entrypoint: 'Greeter' },
      { kind: 'durableObject', name: 'COUNTER', service: 'owner', className: 'Counter' },
    ],
  },
]

const stateDir = mkdtempSync(join(tmpdir(), 'tidemark-'))
let runtime: Runtime | undefined

afterEach(async () => {
  await runtime?.stop()
  rmSync(stateDir, { recursive: true, force: true })
})

async function start(list: Service[] = services): Promise<Runtime> {
  runtime = await startRuntime({
    services: list,
    sockets: [{ service: 'door', port: await freePort(18_787) }],
    stateDir,
  })
  return runtime
}

async function text(path: string): Promise<string> {
  return await (await fetch(`${runtime?.url}${path}`)).text()
}

test('services reach each other, and what was stored outlives a SIGKILL', async () => {
  await start()
  expect(await text('/greet')).toBe(greeting)
  expect(await text('/')).toBe('1')
  await runtime?.kill()
  await start()
  expect(await text('/')).toBe('2')
})

test('a second runtime on the same folder is refused, and names the first', async () => {
  const first = await start()
  await expect(start()).rejects.toThrow(`process ${first.pid}`)
})

test('a Worker that does not start is an error with the end of the log', async () => {
  const broken: Service = {
    name: 'door',
    modules: [{ name: 'index.js', kind: 'esModule', text: 'throw new Error("planted")' }],
    bindings: [],
  }
  await expect(start([broken])).rejects.toThrow(/planted/)
})

test('a taken port gives the next one', async () => {
  const taken = createServer()
  const port = await freePort(28_787)
  await new Promise<void>((listening) => taken.listen({ port, host: '127.0.0.1' }, listening))
  expect(await freePort(port)).toBeGreaterThan(port)
  await new Promise((closed) => taken.close(closed))
})

test('a port that is none is refused', async () => {
  await expect(freePort(70_000)).rejects.toThrow('is not a port')
})
