import { didYouMean } from '../util/did-you-mean.ts'
import { parseDuration } from '../util/duration.ts'
import { DefinitionError } from './definition-error.ts'

/** Names become properties of a vector, parts of ids, labels of metrics and table columns: the least that all of them take. */
const NAME = /^[a-z][a-z0-9_]{0,62}$/

/** A vector with a `then` is taken for a promise; the others are properties that every object or function has. */
const RESERVED = new Set(['then', 'constructor', 'prototype', 'arguments', 'caller'])

/** Throws unless `name` may name a thing of this kind: lower-case letters, digits and `_`, at most 63. */
export function checkName(kind: string, name: unknown, where = `${kind} ${String(name)}`): void {
  if (typeof name !== 'string' || !NAME.test(name)) {
    const better = typeof name === 'string' ? suggestName(name) : undefined
    throw new DefinitionError(
      'bad_name',
      where,
      `the name of ${article(kind)} is 1 to 63 lower-case letters, digits and _, and starts with a letter; ` +
        `got ${JSON.stringify(name) ?? String(name)}.${better === undefined ? '' : ` Write '${better}'.`}`,
    )
  }
  if (RESERVED.has(name)) {
    throw new DefinitionError('bad_name', where, `"${name}" means something to JavaScript itself: choose another name.`)
  }
}

/** Throws when `options` is no object or has a property that is not in `known`: a typo must not be a silent default. */
export function checkOptions(where: string, options: unknown, known: readonly string[]): void {
  if (typeof options !== 'object' || options === null) {
    throw new DefinitionError('bad_option', where, `expects an object of options with ${known.join(', ')}.`)
  }
  for (const option of Object.keys(options)) {
    if (known.includes(option)) continue
    throw new DefinitionError('bad_option', where, `there is no option "${option}".${didYouMean(option, known)}`)
  }
}

/** Milliseconds of a duration option; throws when it is none or below `atLeastMs`. */
export function durationMs(where: string, option: string, duration: unknown, atLeastMs = 1): number {
  const parsed = parseDuration(duration)
  if ('error' in parsed) throw new DefinitionError('bad_duration', where, `${option}: ${parsed.error}.`)
  if (parsed.ms < atLeastMs) {
    throw new DefinitionError('bad_duration', where, `${option} is ${parsed.ms}ms; it must be at least ${atLeastMs}ms.`)
  }
  return parsed.ms
}

/** A text option, or nothing; throws when it is something else. */
export function optionalText(where: string, option: string, text: unknown): string | undefined {
  if (text === undefined || typeof text === 'string') return text
  throw new DefinitionError('bad_option', where, `${option} is a text; got ${typeof text}.`)
}

function suggestName(name: string): string | undefined {
  const better = name
    .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
    .toLowerCase()
    .replace(/[^a-z0-9_]+/g, '_')
    .replace(/^[^a-z]+/, '')
    .slice(0, 63)
  return NAME.test(better) && !RESERVED.has(better) ? better : undefined
}

function article(kind: string): string {
  return /^[aeiou]/.test(kind) ? `an ${kind}` : `a ${kind}`
}
