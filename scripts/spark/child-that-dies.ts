/** For tests: the engine's process, killed in the middle of what it writes as if by the system, as often as `DIES` says. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Transform } from 'node:stream'
import { runChild } from '../../src/offline/node/spark/child.ts'
import { readChildJob } from '../../src/offline/node/spark/job.ts'

const LIVES_FOR_BYTES = 20_000
/** A folder, where each that dies leaves a file; how many may. */
const [folder = '', times = '0'] = (process.env.TIDEMARK_TEST_DIES ?? '').split(':')
const isDoomed = folder !== '' && readdirSync(folder).length < Number(times)
if (isDoomed) writeFileSync(join(folder, String(process.pid)), '')

let seen = 0
const input = new Transform({
  transform(piece: Uint8Array, _encoding, done) {
    seen += piece.length
    if (isDoomed && seen > LIVES_FOR_BYTES) process.kill(process.pid, 'SIGKILL')
    done(null, piece)
  },
  flush(done) {
    if (isDoomed) process.kill(process.pid, 'SIGKILL')
    done()
  },
})
try {
  await runChild(readChildJob(readFileSync(process.argv[2] ?? '')), process.stdin.pipe(input), process.stdout)
} catch (error) {
  console.error(error)
  process.exitCode = 1
}
