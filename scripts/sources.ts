/**
 * `npx tidemark sources [list|show NAME|wake|resume NAME|move NAME|skip NAME]`: how the topics of sources are pulled, and what a person
 * may do about it. Exit codes: 0 all goes on, 1 it failed, 2 the command line is wrong, 3 something stands still.
 */
import { IngestClient } from './lib/ingest-client.ts'
import { paint } from './lib/terminal.ts'
import { UsageError } from './lib/usage-error.ts'
import {
  type PartitionName,
  partitionText,
  type SourceList,
  type SourceStatus,
  SourcesClient,
} from './sources/client.ts'
import { move } from './sources/move.ts'
import { type MoveOptions, type Options, parseOptions } from './sources/options.ts'
import { listText, type Rates, sourceText, standsStill } from './sources/render.ts'
import { Speed, watch } from './sources/watch.ts'
import { grouped } from './start/progress.ts'

const EXIT = { failed: 1, usage: 2, standsStill: 3 } as const

try {
  process.exitCode = await run(parseOptions(process.argv.slice(2)))
} catch (error) {
  console.error(`tidemark sources: ${error instanceof Error ? error.message : String(error)}`)
  process.exitCode = error instanceof UsageError ? EXIT.usage : EXIT.failed
}

async function run(options: Options): Promise<number> {
  if (options.command === 'move') return await moved(options)
  const client = new SourcesClient(new IngestClient(options.at, fetch))
  const colours = paint(process.stdout)
  switch (options.command) {
    case 'list':
    case 'wake': {
      const look = () => (options.command === 'wake' ? client.wake() : client.list())
      const text = ({ region, sources }: SourceList, rates?: Rates) =>
        listText(sources, `${region} at ${options.at.url}`, colours, Date.now(), rates)
      return await shown(options, look, ({ sources }) => sources, text)
    }
    case 'show': {
      const look = () => client.get(options.source)
      const text = (status: SourceStatus, rates?: Rates) => sourceText(status, colours, Date.now(), rates)
      return await shown(options, look, (status) => [status], text)
    }
    case 'resume':
      return await resumed(options, client)
    case 'skip': {
      const { source, home, json } = options
      const answer = await client.skip(source, home)
      const left = `${grouped(answer.skipped)} of ${source} for ${home} are dead letters now; ${grouped(answer.status.events)} wait behind them.`
      console.log(json ? JSON.stringify(answer) : left)
      return 0
    }
  }
}

/** Once, or again and again. */
async function shown<T>(
  options: Options,
  look: () => Promise<T>,
  sourcesOf: (answer: T) => readonly SourceStatus[],
  text: (answer: T, rates?: Rates) => string,
): Promise<number> {
  if ('watch' in options && options.watch) {
    const speed = new Speed()
    const ended = new AbortController()
    process.once('SIGINT', () => ended.abort())
    process.once('SIGTERM', () => ended.abort())
    const draw = async () => {
      const answer = await look()
      return text(answer, speed.of(sourcesOf(answer), Date.now()))
    }
    await watch(draw, process.stdout, ended.signal)
    return 0
  }
  const answer = await look()
  console.log(options.json ? JSON.stringify(answer) : text(answer))
  return standsStill(sourcesOf(answer)) ? EXIT.standsStill : 0
}

async function resumed(
  { name, how, json }: Extract<Options, { readonly command: 'resume' }>,
  client: SourcesClient,
): Promise<number> {
  const before = await client.partition(name)
  if (before.phase === 'away')
    throw new Error(`${partitionText(name)} is pulled by another region: resume it there, or move it here.`)
  if (before.phase === 'waiting')
    throw new Error(`${partitionText(name)} waits to be moved: ${before.problem ?? ''}. Run: ${before.resume ?? ''}`)
  const isHalted = before.phase === 'halted'
  const status = isHalted ? await client.resume(name, how) : before
  if (json) console.log(JSON.stringify(status))
  else if (isHalted) console.log(`${partitionText(name)} goes on at offset ${grouped(Math.max(0, status.offset))}.`)
  else console.log(`${partitionText(name)} is running; nothing was changed.`)
  return status.phase === 'halted' ? EXIT.standsStill : 0
}

async function moved({ name, from, to, barrier, json }: MoveOptions): Promise<number> {
  const clientOf = (address: typeof to) => new SourcesClient(new IngestClient(address, fetch))
  let said = barrier
  try {
    const status = await move({
      name,
      ...(from && { from: clientOf(from) }),
      to: clientOf(to),
      ...(barrier && { barrier }),
      onBarrier: (reached) => {
        said = reached
        console.error(`Stopped at ${JSON.stringify(reached)}`)
      },
    })
    console.log(
      json
        ? JSON.stringify(status)
        : `${partitionText(name)} goes on at ${to.url} from offset ${grouped(status.offset)}.`,
    )
    return status.phase === 'halted' ? EXIT.standsStill : 0
  } catch (error) {
    if (said === undefined || barrier !== undefined) throw error
    const message = error instanceof Error ? error.message : String(error)
    throw new Error(`${message}\n${again(name, to.url, JSON.stringify(said))}`)
  }
}

function again(name: PartitionName, toUrl: string, barrier: string): string {
  return `Nobody pulls ${partitionText(name)} now. Nothing is lost; end the move with\n  npx tidemark sources move ${name.source} --partition ${partitionText(name)} --to-url ${toUrl} --barrier '${barrier}'`
}
