/** Ports of this machine's loopback. */
import { createServer } from 'node:net'

const portsTried = 100

/**
 * The preferred port, or the next one that is free on 127.0.0.1. Throws when it may not be opened at all (below 1024), or
 * when a hundred in a row are taken. Port 0 asks the system for any.
 *
 * @example const port = await freePort(8787) // 8788 when 8787 is taken: say so when it differs
 */
export async function freePort(preferred: number): Promise<number> {
  if (!Number.isInteger(preferred) || preferred < 0 || preferred > 65_535) {
    throw new Error(`${preferred} is not a port. Take a whole number from 1024 to 65535.`)
  }
  const last = Math.min(preferred + portsTried - 1, 65_535)
  for (let port = preferred; port <= last; port++) {
    const got = await tryPort(port)
    if (got !== undefined) return got
  }
  throw new Error(
    `No free port from ${preferred} to ${last} on 127.0.0.1. Stop what runs there, or choose another with --port.`,
  )
}

/** The port that could be opened, or undefined when it is taken. */
function tryPort(port: number): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') resolve(undefined)
      else
        reject(
          new Error(`Port ${port} cannot be opened on 127.0.0.1 (${error.code}). Choose one above 1023 with --port.`),
        )
    })
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : port))
    })
  })
}
