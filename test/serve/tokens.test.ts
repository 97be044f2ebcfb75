import { expect, test } from 'vitest'
import { Tokens } from '../../src/serve/index.ts'

const tokens = new Tokens(
  JSON.stringify({
    'flights-only': ['ingest:flights'],
    'all-ingest': ['ingest:*'],
    root: ['*'],
    none: [],
    'tökén-😀': ['read:*'],
    anonymous: ['read:public'],
  }),
)
const code = (authorization: string | null | undefined, scope: string) => tokens.refuse(authorization, scope)?.code

test('a token may do what its scopes name, a star stands for any name, a lone star for everything', () => {
  expect(code('Bearer flights-only', 'ingest:flights')).toBeUndefined()
  expect(code('Bearer flights-only', 'ingest:clicks')).toBe('scope_missing')
  expect(code('Bearer flights-only', 'read:flights')).toBe('scope_missing')
  expect(code('Bearer all-ingest', 'ingest:anything')).toBeUndefined()
  expect(code('Bearer all-ingest', 'dead-letters')).toBe('scope_missing')
  expect(code('Bearer root', 'dead-letters')).toBeUndefined()
  expect(code('Bearer none', 'read:public')).toBe('scope_missing')
  expect(tokens.refuse('Bearer flights-only', 'ingest:flight')?.status).toBe(403)
})

test('without a token only what anonymous may do, and without that entry nothing', () => {
  expect(code(undefined, 'read:public')).toBeUndefined()
  expect(code(null, 'read:secret')).toBe('no_token')
  expect(code('', 'ingest:flights')).toBe('no_token')
  expect(new Tokens('{"t":["*"]}').refuse(undefined, 'read:public')?.status).toBe(401)
  expect(new Tokens('{}').refuse('Bearer anonymous', 'read:x')?.code).toBe('unknown_token')
})

test.each([
  'Bearer wrong',
  'Bearer flights-onl',
  'Bearer flights-only2',
  'Bearer FLIGHTS-ONLY',
  'Bearer anonymous',
  'Bearer __proto__',
  'Bearer ',
  'Basic flights-only',
  'flights-only',
  'Bearer flights-only extra',
])('%s is no token that is known, and gets nothing, not even what anonymous may do', (authorization) => {
  expect(tokens.refuse(authorization, 'read:public')).toMatchObject({ status: 401, code: 'unknown_token' })
})

test('the scheme is read in any case, and a token may have any characters', () => {
  expect(code('bearer   root', 'read:x')).toBeUndefined()
  expect(code('BEARER tökén-😀', 'read:x')).toBeUndefined()
  expect(code('Bearer: root', 'read:x')).toBeUndefined()
})

test.each(['hunter2', '{"hunter2": ["*"]', '["hunter2"]', '{"hunter2": "*"}', '{"hunter2": [5]}', 'null', ''])(
  'a secret that is not what it should be is an error without a word of it: %s',
  (json) => {
    const made = () => new Tokens(json)
    expect(made).toThrow('The secret TOKENS is not JSON')
    expect(made).not.toThrow('hunter2')
  },
)
