/** Reads files and sends their rows, in their order. */

import type { RowCheck } from './check.ts'
import type { SourceFile } from './files.ts'
import { SAMPLE_ROWS } from './known.ts'
import type { Rows } from './row.ts'
import { FileError, type OpenFile } from './row.ts'
import { type Sender, type Sent, Stopped } from './send.ts'
import type { ImportState, Progress } from './state.ts'
import { addUp, type Tally } from './tally.ts'

export interface Reading {
  readonly file: SourceFile
  readonly open: OpenFile
}

export interface RunOptions {
  readonly files: readonly Reading[]
  /** Rows of one request, at most. */
  readonly batchRows: number
  /** Requests on their way at once. More than one, and ties of one time may be decided otherwise than the file has them. */
  readonly concurrency: number
  /** Rows a second, at most. */
  readonly rate: number | undefined
  readonly now: () => number
  readonly pause: (ms: number) => Promise<void>
  readonly isStopped: () => boolean
  /** Called when rows have been acknowledged, with the part of all files that has been read. */
  readonly advanced: (tally: Tally, share: number) => void
}

/** Text of one request, at most: the Worker takes 5 MB, and keys, quotes and times come on top. In UTF-16 code units. */
const BATCH_UNITS = 1024 * 1024

/** Looks at the first rows of each file. Throws for one none of whose rows keeps the contract: it is another file than was meant. */
export async function sampleFiles(files: readonly Reading[], check: RowCheck): Promise<void> {
  for (const { file, open } of files) {
    const rows = await firstRows(open)
    if (rows.length === 0) continue
    const refused = check(rows)
    const why = refused.get(0)
    if (refused.size < rows.length || why === undefined) continue
    const what = rows.length === 1 ? 'its only row is refused' : `all of its first ${rows.length} rows are refused`
    throw new FileError(`${file.name}: ${what}, and nothing was sent. ${file.name}:${rows[0]?.line}: ${why.message}`)
  }
}

async function firstRows(open: OpenFile): Promise<Rows> {
  const rows = []
  for await (const some of open.rows(0)) {
    rows.push(...some)
    if (rows.length >= SAMPLE_ROWS) break
  }
  return rows.slice(0, SAMPLE_ROWS)
}

/** Rows of one file, as one request takes them. */
interface Batch {
  readonly file: number
  readonly rows: Rows
  readonly share: number
}

async function* batchesOf(
  { files, batchRows }: RunOptions,
  from: Pick<Progress, 'file' | 'line'>,
): AsyncGenerator<Batch> {
  const total = files.reduce((sum, { file }) => sum + file.bytes, 0) || 1
  let before = 0
  for (const [f, { file, open }] of files.entries()) {
    let rows: Rows[number][] = []
    let units = 0
    const shareNow = () => (before + open.share * file.bytes) / total
    if (f >= from.file) {
      for await (const some of open.rows(f === from.file ? from.line : 0)) {
        for (const row of some) {
          if (rows.length >= batchRows || (rows.length > 0 && units + row.text.length > BATCH_UNITS)) {
            yield { file: f, rows, share: shareNow() }
            rows = []
            units = 0
          }
          rows.push(row)
          units += row.text.length
        }
      }
      if (rows.length > 0) yield { file: f, rows, share: shareNow() }
    }
    before += file.bytes
  }
}

/** Checks every row on this machine, and sends none. */
export async function dryRun(options: RunOptions, check: RowCheck, tally: Tally): Promise<void> {
  for await (const { file, rows, share } of batchesOf(options, { file: 0, line: 0 })) {
    const refused = [...check(rows)].map(([index, why]) => ({ index, ...why }))
    const sent = { accepted: rows.length - refused.length, duplicates: 0, refused }
    addUp(tally, options.files[file]?.file.name ?? '', rows, sent)
    options.advanced(tally, share)
    if (options.isStopped()) throw new Stopped('it was interrupted')
  }
}

/**
 * Sends every row behind the last that was acknowledged, and notes how far it is. Throws {@link Stopped} when it is interrupted or
 * the Worker is out of reach: then the state says where to go on.
 */
export async function sendAll(options: RunOptions, sender: Sender, state: ImportState, from: Progress): Promise<void> {
  const { files, concurrency, rate, now, pause, isStopped, advanced } = options
  const { tally } = from
  const startedMs = now()
  let sentRows = 0
  let last = { file: from.file, line: from.line, share: from.share }
  const flying: { readonly batch: Batch; readonly sent: Promise<Sent> }[] = []
  /** In their order, so that what is noted has nothing unsent before it. */
  let isBroken = false
  const land = async () => {
    const next = flying.shift()
    if (next === undefined) return
    const { file, rows, share } = next.batch
    let sent: Sent
    try {
      sent = await next.sent
    } catch (error) {
      isBroken = true
      throw error
    }
    addUp(tally, files[file]?.file.name ?? '', rows, sent)
    last = { file, line: rows.at(-1)?.line ?? 0, share }
    state.write({ ...last, tally })
    advanced(tally, share)
  }
  try {
    for await (const batch of batchesOf(options, from)) {
      if (rate !== undefined) await pause(startedMs + (sentRows / rate) * 1_000 - now())
      if (isStopped()) throw new Stopped('it was interrupted')
      const sent = sender.send(files[batch.file]?.file.name ?? '', batch.rows)
      // Looked at when it lands; until then a failure must not end the process.
      sent.catch(() => {})
      flying.push({ batch, sent })
      sentRows += batch.rows.length
      if (flying.length >= concurrency) await land()
    }
    while (flying.length > 0) await land()
  } catch (error) {
    // Those on their way may still be acknowledged: they count up to the first that was not, and behind it are sent again.
    while (flying.length > 0 && !isBroken) await land().catch(() => {})
    await Promise.allSettled(flying.map(({ sent }) => sent))
    state.write({ ...last, tally }, true)
    throw error
  }
}
