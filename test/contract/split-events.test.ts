import { expect, test } from 'vitest'
import { type EventSpans, fieldScanner, isRefusal, parseEvents, splitEvents } from '../../src/contract/index.ts'
import { forSeeds } from '../support/random.ts'
import { nastyEvent, nastyText } from './nasty-json.ts'

const slices = (text: string) => {
  const spans = splitEvents(text)
  if (isRefusal(spans)) return spans.reason
  return spans.starts.map((start, i) => (spans.broken.has(i) ? '!' : '') + text.slice(start, spans.ends[i]))
}

test.each([
  ['[]', []],
  [' \r\n[ ] \n', []],
  ['{"a":1}', ['{"a":1}']],
  ['\uFEFF{"a":1}', ['{"a":1}']],
  ['\uFEFF[{"a":1}]', ['{"a":1}']],
  ['[{"a":1} , {"b":2}]', ['{"a":1}', '{"b":2}']],
  ['[1,"x",null,[2]]', ['1', '"x"', 'null', '[2]']],
  ['{\n  "a": {\n "b": 1}\n}\n', ['{\n  "a": {\n "b": 1}\n}']],
  ['{"a":1}\r\n\r\n{"b":2}\r\n', ['{"a":1}', '{"b":2}']],
  ['{"a":"}{\\"]"}\n{"b":"\\\\"}', ['{"a":"}{\\"]"}', '{"b":"\\\\"}']],
  ['[{"a":1},]', ['{"a":1}', '!']],
  ['[{"a":1},,{"b":2}]', ['{"a":1}', '!', '{"b":2}']],
  ['[{"a":1} {"c":1},{"b":2}]', ['!{"a":1} {"c":1}', '{"b":2}']],
  ['[{"a":bad},{"b":2}]', ['{"a":bad}', '{"b":2}']],
  ['{"a":1}\n{"b":\n{"c":3}\n', ['{"a":1}', '!{"b":', '{"c":3}']],
  ['{"a":\n{"c":3}\n', ['!{"a":', '{"c":3}']],
  ['{"a":1}\n{"b":"\n{"c":3}', ['{"a":1}', '!{"b":"', '{"c":3}']],
  ['{"a":1}x\n{"c":3}', ['!{"a":1}x', '{"c":3}']],
  [`[{"a":${'['.repeat(70)}${']'.repeat(70)}},{"b":1}]`, [`!{"a":${'['.repeat(70)}${']'.repeat(70)}}`, '{"b":1}']],
])('%s', (text, expected) => expect(slices(text)).toEqual(expected))

test.each([
  '',
  '  ',
  '\uFEFF',
  'hello',
  '"x"',
  '[',
  '[{"a":1}',
  '[{"a":1]',
  '[{"a":"x}]',
  '[1}]',
  '{"a":1',
  '[{}] x',
  '[{}]\n[{}]',
  '['.repeat(1e5),
])('a body without boundaries is one refusal: %s', (text) => expect(slices(text)).toBe('bad_json'))

test('the elements found are those of JSON.parse, for any JSON and any white space', () => {
  forSeeds(1500, (r) => {
    const events = Array.from({ length: r.int(0, 5) }, () => nastyEvent(r, 3))
    const list = `[${events.map((event) => nastyText(r, event)).join(r.pick([',', ' ,\n']))}]`
    const spans = splitEvents(list) as EventSpans
    expect(spans.starts.map((start, i) => JSON.parse(list.slice(start, spans.ends[i])))).toEqual(JSON.parse(list))
    if (events.length === 0) return
    const lines = events.map((event) => JSON.stringify(event)).join(r.pick(['\n', '\r\n', '\n\n']))
    expect(parseEvents(lines)).toEqual({ raws: JSON.parse(JSON.stringify(events)), broken: new Map() })
  })
})

test('a scan of fields finds what JSON.parse finds, or says that it is in doubt', () => {
  const names = ['uid', 'a', 'key']
  const scanOf = fieldScanner(names)
  let sure = 0
  forSeeds(3000, (r) => {
    const texts = Array.from({ length: r.int(1, 4) }, () => nastyText(r, nastyEvent(r, 2), r.chance(0.5)))
    const body = `[${texts.join(',')}]`
    const spans = splitEvents(body) as EventSpans
    const scan = scanOf(body)
    const out: (string | undefined)[] = []
    const order = spans.starts.map((_, i) => i)
    if (r.chance(0.2)) order.reverse()
    for (const i of order) {
      const start = spans.starts[i] as number
      const end = spans.ends[i] as number
      if (!scan(start, end, out)) continue
      sure++
      const parsed = JSON.parse(body.slice(start, end))
      names.forEach((name, n) => {
        const value = Object.hasOwn(parsed, name) ? parsed[name] : undefined
        expect(out[n]).toBe(value === undefined ? undefined : String(value))
        if (value !== undefined) expect(['string', 'number', 'boolean']).toContain(typeof value)
      })
    }
  })
  expect(sure).toBeGreaterThan(2000)
})

test.each([
  ['{"a":{"uid":"no"},"uid":"yes"}', ['yes']],
  ['{"uid":"1","uid":"2"}', ['2']],
  ['{"other":"uid","x":1}', [undefined]],
  ['{"other":"uid","uid":"u"}', ['u']],
  ['{"xuid":"no","uid":12}', ['12']],
  ['{"uid":true}', ['true']],
  ['{"uid":-7 }', ['-7']],
  ['{ }', [undefined]],
  ['{"uid":"\\u0041"}', 'doubt'],
  ['{"\\u0075id":"x"}', 'doubt'],
  ['{"uid":1.5}', 'doubt'],
  ['{"uid":1e3}', 'doubt'],
  ['{"uid":-0}', 'doubt'],
  ['{"uid":01}', 'doubt'],
  ['{"uid":null}', 'doubt'],
  ['{"uid":[1]}', 'doubt'],
  ['{"uid":{"uid":"x"}}', 'doubt'],
])('scan of %s', (text, expected) => {
  const out: (string | undefined)[] = []
  const isSure = fieldScanner(['uid'])(text)(0, text.length, out)
  expect(isSure ? out : 'doubt').toEqual(expected)
})
