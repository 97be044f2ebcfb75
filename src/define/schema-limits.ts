import { MAX_LIST_ITEMS, MAX_TEXT_UNITS } from '../util/limits.ts'
import { DefinitionError } from './definition-error.ts'

/** One check of a schema as zod describes it. */
export interface CheckDef {
  readonly check: string
  readonly format?: string
  readonly value?: number
  readonly inclusive?: boolean
  readonly minimum?: number
  readonly maximum?: number
  readonly length?: number
}

/** The bounds of a field, gathered check by check; of several the tightest holds, as in zod. */
export type Limits = {
  min?: number
  max?: number
  exclusiveMin?: number
  exclusiveMax?: number
  minLength?: number
  maxLength?: number
}

/** How many elements a list may have. */
export type ListLimits = {
  minItems?: number
  maxItems?: number
}

/** Takes one check of a list into `limits`. */
export function applyListCheck(where: string, check: CheckDef, limits: ListLimits): void {
  if (!['min_length', 'max_length', 'length_equals'].includes(check.check)) {
    throw unsupported(where, '.refine() or .check()', 'a list takes .min(), .max() and .length()')
  }
  const low = check.minimum ?? check.length
  const high = check.maximum ?? check.length
  if (low !== undefined) limits.minItems = Math.max(low, limits.minItems ?? low)
  if (high !== undefined) limits.maxItems = Math.min(high, limits.maxItems ?? high)
  if ((limits.maxItems ?? 0) > MAX_LIST_ITEMS) {
    const problem = `.max(${limits.maxItems}) is more than the ${MAX_LIST_ITEMS} elements that a list may have.`
    throw new DefinitionError('bad_option', where, problem)
  }
  if ((limits.minItems ?? 0) > (limits.maxItems ?? MAX_LIST_ITEMS)) throw impossible(where)
}

/** Takes one check of a string into `limits`. */
export function applyTextCheck(where: string, check: CheckDef, limits: Limits): void {
  const low = check.minimum ?? check.length
  const high = check.maximum ?? check.length
  switch (check.check) {
    case 'min_length':
    case 'max_length':
    case 'length_equals':
      if (low !== undefined) limits.minLength = Math.max(low, limits.minLength ?? low)
      if (high !== undefined) limits.maxLength = Math.min(high, limits.maxLength ?? high)
      break
    case 'string_format': {
      const own: Record<string, string> = { uuid: 'z.uuid()', datetime: 'z.iso.datetime({ offset: true })' }
      const how = own[check.format ?? '']
      throw unsupported(where, `the string format ${check.format}`, how ? `write ${how}` : 'write z.string()')
    }
    case 'overwrite':
      throw unsupported(
        where,
        '.trim(), .toLowerCase() or another rewriting check',
        'send the text as it should be kept',
      )
    default:
      throw unsupported(where, '.refine() or .check()', 'filter rows with .where() in a view')
  }
  const longest = limits.maxLength ?? 0
  if (longest > MAX_TEXT_UNITS) {
    throw new DefinitionError(
      'bad_option',
      where,
      `.max(${longest}) is more than the ${MAX_TEXT_UNITS} that a text may have.`,
    )
  }
  if ((limits.minLength ?? 0) > (limits.maxLength ?? MAX_TEXT_UNITS)) throw impossible(where)
}

/** Takes one check of a number into `limits`, and notes in `found` that it must be an integer. */
export function applyNumberCheck(where: string, check: CheckDef, limits: Limits, found: { isInt: boolean }): void {
  const value = check.value ?? Number.NaN
  switch (check.check) {
    case 'greater_than':
      if (check.inclusive) limits.min = Math.max(value, limits.min ?? value)
      else limits.exclusiveMin = Math.max(value, limits.exclusiveMin ?? value)
      break
    case 'less_than':
      if (check.inclusive) limits.max = Math.min(value, limits.max ?? value)
      else limits.exclusiveMax = Math.min(value, limits.exclusiveMax ?? value)
      break
    case 'number_format': {
      if (check.format === 'float64') return
      const range = integerRanges[check.format ?? '']
      if (range === undefined) throw unsupported(where, `z.${check.format}()`, 'write z.number()')
      found.isInt = true
      if (range.length) {
        limits.min = Math.max(range[0], limits.min ?? range[0])
        limits.max = Math.min(range[1], limits.max ?? range[1])
      }
      break
    }
    case 'multiple_of':
      throw unsupported(where, '.multipleOf()', 'write z.int() for whole numbers')
    default:
      throw unsupported(where, '.refine() or .check()', 'filter rows with .where() in a view')
  }
  if (
    [limits.min, limits.max, limits.exclusiveMin, limits.exclusiveMax].some(
      (bound) => bound !== undefined && !Number.isFinite(bound),
    )
  ) {
    throw new DefinitionError('bad_option', where, 'a bound of a number is finite: leave out the one that is not.')
  }
  const low = limits.min ?? Number.NEGATIVE_INFINITY
  const high = limits.max ?? Number.POSITIVE_INFINITY
  const lowOpen = limits.exclusiveMin ?? Number.NEGATIVE_INFINITY
  const highOpen = limits.exclusiveMax ?? Number.POSITIVE_INFINITY
  if (low > high || low >= highOpen || lowOpen >= high || lowOpen >= highOpen) throw impossible(where)
}

const integerRanges: Readonly<Record<string, readonly [number, number] | readonly []>> = {
  safeint: [],
  int32: [-(2 ** 31), 2 ** 31 - 1],
  uint32: [0, 2 ** 32 - 1],
}

function impossible(where: string): DefinitionError {
  return new DefinitionError(
    'bad_option',
    where,
    'no value can meet these bounds: the lower one is above the upper one.',
  )
}

/** The error for a construct that definitions do not take: what it is, and what to do instead. */
export function unsupported(where: string, what: string, how: string): DefinitionError {
  return new DefinitionError('unsupported_schema', where, `${what} is not supported: ${how}.`)
}
