import { expect, test } from 'vitest'
import { checkRegistered } from '../../../src/contract/index.ts'
import type { FieldSpec, SourceSpec } from '../../../src/engine/index.ts'

const field = (more: Partial<FieldSpec>): FieldSpec => ({
  name: 'f',
  type: 'string',
  nullable: false,
  optional: false,
  ...more,
})

function check(of: FieldSpec, property: unknown, required: readonly string[] = ['f']) {
  const source: SourceSpec = { name: 's', fields: [of], time: 'f', maxFutureMs: 1, redeliveryHorizonMs: 1, from: [] }
  const schema = JSON.stringify({ type: 'object', properties: property === undefined ? {} : { f: property }, required })
  return checkRegistered(source, { schemaType: 'JSON', schema, references: [] })
}

test.each([
  [{ type: 'string' }, { type: 'string' }],
  [{ type: 'int64' }, { type: 'integer' }],
  [{ type: 'float64' }, { type: ['integer', 'number'] }],
  [{ type: 'decimal(2)' }, { type: 'string' }],
  [{ type: 'decimal(2)' }, { type: 'number' }],
  [
    { type: 'timestamp', format: 'iso' },
    { type: 'string', format: 'date-time' },
  ],
  [{ type: 'timestamp', format: 'ms' }, { type: 'integer' }],
  [{ type: 'bool' }, { const: true }],
  [{ type: 'string', values: ['a', 'b'] }, { enum: ['a'] }],
  [{ type: 'string', nullable: true }, { oneOf: [{ type: 'null' }, { type: 'string' }] }],
  [{ type: 'list(int)' }, { type: 'array', items: { type: 'integer' } }],
  [{ type: 'vector(3)' }, { type: 'array', items: { type: 'number' } }],
  // Not checked, which is noted.
  [{ type: 'string' }, { $ref: '#/definitions/x' }],
] as const)('%j takes %j', (of, property) => {
  expect(check(field(of), property)).toMatchObject({ kind: 'compatible' })
})

test.each([
  [{ type: 'string' }, { type: 'integer' }],
  [{ type: 'int' }, { type: 'number' }],
  [{ type: 'int' }, { type: ['integer', 'string'] }],
  [{ type: 'string' }, { type: ['null', 'string'] }],
  [{ type: 'string' }, { anyOf: [{ type: 'string' }, { type: 'boolean' }] }],
  [{ type: 'timestamp', format: 'iso' }, { type: 'integer' }],
  [{ type: 'timestamp', format: 'ms' }, { type: 'string' }],
  [{ type: 'string', values: ['a'] }, { enum: ['a', 'b'] }],
  [{ type: 'list(int)' }, { type: 'array', items: { type: 'string' } }],
  [{ type: 'list(int)' }, { type: 'array', items: { type: ['integer', 'null'] } }],
  [{ type: 'list(int)' }, { type: 'integer' }],
  [{ type: 'bool' }, undefined],
] as const)('%j does not take %j', (of, property) => {
  expect(check(field(of), property)).toMatchObject({ kind: 'incompatible', mismatches: [{ field: 'f' }] })
})

test('a property that may be absent does for an optional field alone', () => {
  expect(check(field({}), { type: 'string' }, [])).toMatchObject({
    mismatches: [{ found: 'a property that may be absent' }],
  })
  expect(check(field({ optional: true }), { type: 'string' }, []).kind).toBe('compatible')
  expect(check(field({ optional: true }), undefined, [])).toMatchObject({
    kind: 'compatible',
    notes: [expect.stringContaining('f')],
  })
})

test('a choice that the contract does not have is named', () => {
  expect(check(field({ values: ['a'] }), { enum: ['a', 'b"'] })).toMatchObject({
    mismatches: [{ mend: expect.stringContaining('"b\\""') }],
  })
})

test.each([
  ['no JSON', '{'],
  ['a list', '[]'],
  ['the schema of a text', '{"type":"string"}'],
])('%s is no schema of objects', (_, schema) => {
  const source: SourceSpec = { name: 's', fields: [], time: 'f', maxFutureMs: 1, redeliveryHorizonMs: 1, from: [] }
  expect(checkRegistered(source, { schemaType: 'JSON', schema, references: [] }).kind).toBe('unreadable')
  expect(checkRegistered(source, { schemaType: 'PROTOBUF', schema, references: [] }).kind).toBe('unreadable')
})
