/** Sums the samples of a V8 CPU profile by the stage of ingest that they fall into. Pure. */

/** As `Profiler.stop` gives it. */
export interface ProfileNode {
  readonly id: number
  readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number }
  readonly children?: readonly number[] | undefined
}

export interface Cost {
  readonly name: string
  readonly us: number
}

/**
 * Stages by the function that begins them, innermost first: a sample belongs to the first of its callers, from the top of
 * the stack down, that is named here. A class is told apart by its file.
 */
const stages: readonly { readonly stage: string; readonly file: string; readonly functions: readonly string[] }[] = [
  { stage: 'page saves', file: 'src/shard/pages.ts', functions: ['saveOldest', 'save', 'grow'] },
  { stage: 'compaction', file: 'src/shard/cell.ts', functions: ['compact'] },
  { stage: 'append', file: 'src/shard/cell.ts', functions: ['append'] },
  { stage: 'find page and cell', file: 'src/shard/pages.ts', functions: ['find', 'change', 'load'] },
  { stage: 'route keys in the shard', file: 'src/shard/shard.ts', functions: ['findHere'] },
  { stage: 'dedupe: id runs', file: 'src/shard/id-index.ts', functions: ['save', 'step'] },
  { stage: 'dedupe: check and add', file: 'src/shard/id-index.ts', functions: ['check', 'add'] },
  { stage: 'dedupe: hash of the id', file: 'src/shard/shard.ts', functions: ['hashId'] },
  { stage: 'dedupe: hash of the payload', file: 'src/contract/payload-hash.ts', functions: ['payloadHash'] },
  { stage: 'journal text', file: 'src/shard/journal.ts', functions: ['write'] },
  { stage: 'contract.check', file: 'src/contract/contract.ts', functions: ['check'] },
  { stage: 'parseEvents', file: 'src/contract/parse-events.ts', functions: ['parseEvents'] },
  { stage: 'splitEvents', file: 'src/contract/split-events.ts', functions: ['splitEvents'] },
  { stage: 'route', file: 'src/source/route.ts', functions: ['route'] },
  { stage: 'shard, the rest', file: 'src/shard/shard.ts', functions: ['apply'] },
]

export function stagesOf(nodes: readonly ProfileNode[], samples: readonly number[], deltas: readonly number[]): Cost[] {
  const byId = new Map(nodes.map((node) => [node.id, node]))
  const stageById = new Map<number, string>()
  const walk = (node: ProfileNode, inherited: string): void => {
    const stage = stageBegunBy(node) ?? inherited
    stageById.set(node.id, stage)
    for (const id of node.children ?? []) {
      const child = byId.get(id)
      if (child) walk(child, stage)
    }
  }
  const [root] = nodes
  if (root) walk(root, 'other')
  return summed(samples, deltas, (id) => stageById.get(id) ?? 'other')
}

/** The functions that take most time themselves. */
export function topFunctions(
  nodes: readonly ProfileNode[],
  samples: readonly number[],
  deltas: readonly number[],
  count: number,
): Cost[] {
  const names = new Map(nodes.map((node) => [node.id, nameOf(node)]))
  return summed(samples, deltas, (id) => names.get(id) ?? '?').slice(0, count)
}

function stageBegunBy({ callFrame: { functionName, url } }: ProfileNode): string | undefined {
  if (functionName === '(garbage collector)') return 'garbage collection'
  return stages.find(({ file, functions }) => url.endsWith(file) && functions.includes(functionName))?.stage
}

function nameOf({ callFrame: { functionName, url, lineNumber } }: ProfileNode): string {
  // Of a bundle, as workerd has it, only the name of the module is known.
  const file = /(?:src|scripts|durable-objects)\/.*$/.exec(url)?.[0] ?? url.split('/').at(-1)
  const name = functionName || '(anonymous)'
  return file ? `${name} ${file}:${lineNumber + 1}` : name
}

function summed(samples: readonly number[], deltas: readonly number[], nameOf: (node: number) => string): Cost[] {
  const sums = new Map<string, number>()
  samples.forEach((node, i) => {
    const name = nameOf(node)
    sums.set(name, (sums.get(name) ?? 0) + (deltas[i] ?? 0))
  })
  return [...sums].map(([name, us]) => ({ name, us })).sort((a, b) => b.us - a.us)
}
