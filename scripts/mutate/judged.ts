/** Survivors that a person judged to be no change of behaviour, in `judged.json`, each with its reason. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { keyOf, type Named } from './mutants.ts'

export type Judged = Named & { readonly why: string }

export const JUDGED_FILE = join(import.meta.dirname, 'judged.json')

export function readJudged(path = JUDGED_FILE): Judged[] {
  const judged: Judged[] = JSON.parse(readFileSync(path, 'utf8'))
  const silent = judged.find(({ why }) => typeof why !== 'string' || why.trim() === '')
  if (silent !== undefined) throw new Error(`judged.json: say why ${silent.file}: ${silent.code} changes nothing`)
  return judged
}

/** By the key of the mutant. */
export function byKey(judged: readonly Judged[]): Map<string, Judged> {
  return new Map(judged.map((one) => [keyOf(one), one]))
}

/** Of code that is no longer there: to be taken out, or judged anew. */
export function stale(judged: readonly Judged[], all: readonly Named[]): Judged[] {
  const keys = new Set(all.map(keyOf))
  return judged.filter((one) => !keys.has(keyOf(one)))
}
