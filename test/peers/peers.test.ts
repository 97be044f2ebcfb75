import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { cacheFolder } from '../../scripts/lib/paths.ts'
import { freePort } from '../../scripts/local/port.ts'
import { parsePeersOptions, UsageError } from '../../scripts/peers/options.ts'
import { accepts, startProcess } from '../../scripts/peers/process.ts'
import { end, recall, remember } from '../../scripts/peers/registry.ts'

const folder = mkdtempSync(join(tmpdir(), 'peers-test-'))
afterAll(() => rmSync(folder, { recursive: true }))

/** A peer of one line: listens on the port that it is given. */
const LISTENS = "require('node:net').createServer(() => {}).listen(Number(process.argv[1]), '127.0.0.1')"

async function listener(script = LISTENS, readyWithinMs = 20_000) {
  const port = await freePort(0)
  return startProcess({
    name: 'Listener',
    address: `127.0.0.1:${port}`,
    command: process.execPath,
    args: ['-e', script, String(port)],
    logFile: join(folder, 'logs', 'listener.log'),
    ready: () => accepts('127.0.0.1', port),
    readyWithinMs,
  })
}

describe('the command line of peers', () => {
  test('means the usual peers when it names none', () => {
    expect(parsePeersOptions(['up'])).toEqual({ command: 'up', peers: ['kafka', 'postgres', 'debezium'], json: false })
    expect(parsePeersOptions(['install', 'apicurio', 'apicurio', '--json'])).toEqual({
      command: 'install',
      peers: ['apicurio'],
      json: true,
    })
    expect(parsePeersOptions(['down'])).toMatchObject({ peers: expect.arrayContaining(['kafka', 'debezium-server']) })
    expect(parsePeersOptions([])).toBe('help')
  })

  test('refuses what it does not know, and lists what there is', () => {
    expect(() => parsePeersOptions(['start'])).toThrow(UsageError)
    expect(() => parsePeersOptions(['up', 'mysql'])).toThrow(/kafka, postgres/)
    expect(() => parsePeersOptions(['up', '--fast'])).toThrow(/--help/)
  })
})

describe('a process of a peer', () => {
  test('is waited for, ends when asked to, and can be killed', async () => {
    for (const way of ['stop', 'kill'] as const) {
      const peer = await listener()
      const port = Number(peer.address.split(':')[1])
      expect(await accepts('127.0.0.1', port)).toBe(true)
      await peer[way]()
      expect(await accepts('127.0.0.1', port)).toBe(false)
    }
  })

  test('that ends before it serves is a failure with the end of its log', async () => {
    await expect(listener("console.error('no such config'); process.exit(3)")).rejects.toThrow(
      /Listener did not start: it ended with 3[\s\S]*no such config/,
    )
  })

  test('that never serves is ended', async () => {
    await expect(listener('setInterval(() => {}, 1000)', 700)).rejects.toThrow(/did not serve within 700 ms/)
  })

  test('ends with the script that started it', async () => {
    const module = join(import.meta.dirname, '..', '..', 'scripts', 'peers', 'process.ts')
    const script = `
      import { startProcess } from ${JSON.stringify(module)}
      const peer = await startProcess({ name: 'x', address: '', command: process.execPath, args: ['-e', 'setInterval(() => {}, 1000)'],
        logFile: ${JSON.stringify(join(folder, 'x.log'))}, ready: async () => true, readyWithinMs: 5000 })
      console.log(peer.pid)
      setInterval(() => {}, 1000)`
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const [line] = await once(child.stdout, 'data')
    const pid = Number(String(line))
    expect(isAlive(pid)).toBe(true)
    child.kill('SIGTERM')
    await once(child, 'exit')
    await expect.poll(() => isAlive(pid)).toBe(false)
  })
})

describe('what `up` has started', () => {
  test('is known until it has ended, and another process with its pid is not taken for it', async () => {
    const peer = await listener()
    remember('test-peer', peer)
    const running = recall('test-peer')
    expect(running).toMatchObject({ name: 'test-peer', pid: peer.pid, address: peer.address })
    if (running === undefined) return
    // As after a restart of the machine: the pid is somebody else's.
    const file = join(cacheFolder, 'peers', 'run', 'test-peer.json')
    writeFileSync(file, JSON.stringify({ ...running, startTicks: '1' }))
    expect(recall('test-peer')).toBeUndefined()
    remember('test-peer', peer)
    await end(running)
    expect(recall('test-peer')).toBeUndefined()
  })
})

test('a port that nothing listens on accepts nothing', async () => {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  const port = typeof address === 'object' ? (address?.port ?? 0) : 0
  expect(await accepts('127.0.0.1', port)).toBe(true)
  await new Promise((resolve) => server.close(resolve))
  expect(await accepts('127.0.0.1', port)).toBe(false)
})

/** A process that has ended but that nobody has asked about yet is not alive. */
function isAlive(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return stat[stat.lastIndexOf(')') + 2] !== 'Z'
  } catch {
    return false
  }
}
