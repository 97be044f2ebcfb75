import { expect, test } from 'vitest'
import { avro, cloudEvents, DefinitionError, debezium, json, raw } from '../../src/define/index.ts'

test('formats are plain data, with what the peers have by default', () => {
  expect([json(), raw(), cloudEvents(), avro()]).toEqual([
    { kind: 'json' },
    { kind: 'raw' },
    { kind: 'cloudevents' },
    { kind: 'avro', registry: 'default' },
  ])
  expect(debezium()).toEqual({ kind: 'debezium', value: { kind: 'json' }, decimals: 'precise', times: 'adaptive' })
})

test('what is declared is kept', () => {
  const declared = debezium({
    only: 'inserts',
    unwrapped: true,
    value: avro({ registry: 'eu' }),
    decimals: 'string',
    times: 'isostring',
  })
  expect(declared).toEqual({
    kind: 'debezium',
    only: 'inserts',
    unwrapped: true,
    value: { kind: 'avro', registry: 'eu' },
    decimals: 'string',
    times: 'isostring',
  })
})

// As plain JavaScript would call them.
const [anyAvro, anyDebezium] = [avro, debezium] as unknown as [(o: unknown) => unknown, (o: unknown) => unknown]

test.each([
  ['a misspelt option', () => anyAvro({ registri: 'eu' }), 'bad_option', 'Did you mean "registry"?'],
  ['a registry without a proper name', () => anyAvro({ registry: 'EU registry' }), 'bad_name', "Write 'eu_registry'."],
  ['options that are none', () => anyAvro(null), 'bad_option', 'expects an object'],
  ['an unknown mode of decimals', () => anyDebezium({ decimals: 'precize' }), 'bad_option', 'Did you mean "precise"?'],
  ['an unknown mode of times', () => anyDebezium({ times: 'micro' }), 'bad_option', 'There are: adaptive'],
  ['only of something else', () => anyDebezium({ only: 'updates' }), 'bad_option', 'only is "updates".'],
  ['unwrapped as a text', () => anyDebezium({ unwrapped: 'yes' }), 'bad_option', 'unwrapped is true or left out.'],
  ['a value that is no format', () => anyDebezium({ value: 'avro' }), 'bad_option', 'write json() or avro()'],
  ['a value of another format', () => anyDebezium({ value: raw() }), 'bad_option', 'write json() or avro()'],
])('%s is refused, with the way to mend it', (_, declare, code, message) => {
  let thrown: unknown
  try {
    declare()
  } catch (error) {
    thrown = error
  }
  expect(thrown).toBeInstanceOf(DefinitionError)
  expect(thrown).toMatchObject({ code, message: expect.stringContaining(message) })
})
