/** What became of mutants in earlier runs, in `.tidemark/mutate/cache.json`: safe to delete. */
import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { cacheFolder } from '../lib/paths.ts'

/** `by`: the test that failed (or did not end), or what else stopped it. */
export type Verdict =
  | { readonly status: 'survived' }
  | { readonly status: 'killed'; readonly how: 'failed' | 'timeout' | 'broken'; readonly by: string }

type Entry = Verdict & { readonly source: string; readonly tests: string }

export class VerdictCache {
  private readonly path: string
  private readonly entries: Map<string, Entry>

  constructor(path = join(cacheFolder, 'mutate', 'cache.json')) {
    this.path = path
    this.entries = new Map(Object.entries(readJson(path)))
  }

  /**
   * What is known of a mutant whose file has the hash `source`, under tests with the hash `tests`. More tests may kill a
   * survivor; what was killed stays so.
   */
  get(key: string, source: string, tests: string): Verdict | undefined {
    const entry = this.entries.get(key)
    if (entry === undefined || entry.source !== source) return undefined
    return entry.status === 'killed' || entry.tests === tests ? entry : undefined
  }

  set(key: string, source: string, tests: string, verdict: Verdict): void {
    this.entries.set(key, { ...verdict, source, tests })
  }

  save(): void {
    mkdirSync(dirname(this.path), { recursive: true })
    // Whole or not at all: a run may be cut off anywhere.
    writeFileSync(`${this.path}.new`, JSON.stringify(Object.fromEntries(this.entries)))
    renameSync(`${this.path}.new`, this.path)
  }
}

function readJson(path: string): Record<string, Entry> {
  try {
    return JSON.parse(readFileSync(path, 'utf8'))
  } catch {
    return {}
  }
}

export function hashOf(...texts: readonly string[]): string {
  const hash = createHash('sha1')
  for (const text of texts) hash.update(`${text.length} `).update(text)
  return hash.digest('hex').slice(0, 16)
}
