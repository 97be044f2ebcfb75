import type { ServedVector } from '../served/index.ts'

/** A vector that was served, with the text of each value as it was on the wire. */
export interface ServedRow {
  readonly vector: ServedVector
  /** JSON, one text a feature: numbers with all their digits. */
  readonly values: readonly string[]
  readonly servedMs: number
  /** The request time, ms. */
  readonly atMs: number
}

/** Reads a line of the sample; what is wrong with it otherwise, in words that follow "line 7". */
export function parseServedLine(line: string): ServedRow | { readonly error: string } {
  let vector: ServedVector
  try {
    vector = JSON.parse(line) as ServedVector
  } catch {
    return { error: 'is no JSON: it is damaged, or not all of it is there' }
  }
  const servedMs = Date.parse(vector.served)
  const atMs = Date.parse(vector.at)
  const values = valueTexts(line)
  const { features, status, exact, keys, commits, parts } = vector
  const lists = [features, status, exact, values, commits, parts]
  const isWhole = Number.isFinite(servedMs) && Number.isFinite(atMs) && lists.every(Array.isArray) && isObject(keys)
  if (!isWhole) return { error: 'is no served vector: it lacks a member' }
  if (new Set([features, status, exact, values].map(({ length }) => length)).size !== 1)
    return { error: 'is no served vector: its values, status and exact are not as many as its features' }
  return { vector, values, servedMs, atMs }
}

const isObject = (value: unknown): boolean => typeof value === 'object' && value !== null

/** The texts of the elements of the member `values`, which is an array at the top of an object. */
function valueTexts(line: string): string[] {
  for (const { from, to, depth, isKey } of tokens(line)) {
    if (depth !== 1 || !isKey || line.slice(from, to) !== '"values"') continue
    const open = line.indexOf('[', to)
    return elementsOf(line, open)
  }
  return []
}

/** The texts of the elements of the array that begins at `open`, as they stand there. */
export function elementsOf(text: string, open: number): string[] {
  const found: string[] = []
  let depth = 0
  let from = open + 1
  for (let at = open; at < text.length; at++) {
    const char = text[at]
    if (char === '"') at = endOfString(text, at) - 1
    else if (char === '[' || char === '{') depth++
    else if (char === ']' || char === '}') depth--
    if ((depth === 1 && char === ',') || depth === 0) {
      const element = text.slice(from, at).trim()
      if (element !== '') found.push(element)
      from = at + 1
      if (depth === 0) return found
    }
  }
  return found
}

interface Token {
  readonly from: number
  readonly to: number
  /** How many brackets are open around it. */
  readonly depth: number
  /** Whether a colon follows. */
  readonly isKey: boolean
}

/** The strings of a JSON text. */
function* tokens(text: string): Generator<Token> {
  let depth = 0
  for (let at = 0; at < text.length; at++) {
    const char = text[at]
    if (char === '[' || char === '{') depth++
    else if (char === ']' || char === '}') depth--
    else if (char === '"') {
      const to = endOfString(text, at)
      yield { from: at, to, depth, isKey: /^\s*:/.test(text.slice(to, to + 16)) }
      at = to - 1
    }
  }
}

/** Behind the closing quote of the string that begins at `at`. */
function endOfString(text: string, at: number): number {
  let to = at + 1
  while (to < text.length && text[to] !== '"') to += text[to] === '\\' ? 2 : 1
  return to + 1
}
