import type { Aggregate, AggregateOptions, OptionRule } from '../engine/index.ts'
import { checkOptions } from './checks.ts'
import { DefinitionError } from './definition-error.ts'

/** What an aggregate is told beside its field: checked by its own rules, defaults filled in; undefined when there is nothing. */
export function aggregateOptions(
  featureWhere: string,
  { name, options: rules = {} }: Aggregate,
  given: object,
): AggregateOptions | undefined {
  const where = `${featureWhere}, ${name}()`
  checkOptions(where, given, Object.keys(rules))
  const options = Object.entries(rules).flatMap(([option, rule]) => {
    const value = checked(where, option, rule, (given as Readonly<Record<string, unknown>>)[option])
    return value === undefined ? [] : [[option, value] as const]
  })
  return options.length === 0 ? undefined : Object.fromEntries(options)
}

/** The value of an option, or its default; undefined for one that says nothing. */
function checked(
  where: string,
  option: string,
  rule: OptionRule,
  given: unknown,
): AggregateOptions[string] | undefined {
  const value = given === undefined && 'default' in rule ? rule.default : given
  const fail = (range: string) => {
    const got = typeof value === 'string' ? `'${value}'` : String(value)
    return new DefinitionError('bad_option', where, `${option} is ${range}; got ${value === undefined ? 'none' : got}.`)
  }
  switch (rule.kind) {
    case 'integer': {
      if (typeof value === 'number' && Number.isInteger(value) && value >= rule.least && value <= rule.most)
        return value
      throw fail(`a whole number from ${rule.least.toLocaleString('en')} to ${rule.most.toLocaleString('en')}`)
    }
    case 'fraction':
      if (typeof value === 'number' && value > rule.above && value < rule.below) return value
      throw fail(`a number above ${rule.above} and below ${rule.below}`)
    case 'ratio':
      if (typeof value === 'number' && value >= rule.least && value <= rule.most) return value
      throw fail(`a number from ${rule.least} to ${rule.most}`)
    case 'choice':
      if (value === undefined) return undefined
      if (typeof value === 'string' && rule.of.includes(value)) return value
      throw fail(`${rule.of.map((word) => `'${word}'`).join(' or ')}, or left out`)
    case 'flag':
      if (value === true) return true
      if (value === undefined || value === false) return undefined
      throw fail('true or false')
  }
}
