import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { aggregatesPage } from '../../scripts/docs/aggregates-page.ts'
import { exampleValue } from '../../scripts/docs/examples.ts'
import { EXAMPLES, joinExample } from '../../scripts/docs/joins-example.ts'

const page = (name: string) => readFileSync(new URL(`../../docs/${name}`, import.meta.url), 'utf8')

describe('the documentation', () => {
  it('shows the value that each example of a window has', async () => {
    const examples = [...page('windows.md').matchAll(/^\| `(.+)` \| `(.+)` \|$/gm)]
    expect(examples.length).toBeGreaterThan(15)
    for (const [, example = '', value] of examples) expect(await exampleValue(example), example).toBe(value)
  })

  it('shows the value that each example over a join and a union has', async () => {
    const [, join = '', united = ''] = page('joins.md').split(/^\| over the (?:join|union) \| at noon \|$/m)
    for (const [over, text] of [
      ['join', join],
      ['union', united],
    ] as const) {
      const examples = [...text.matchAll(/^\| `(.+)` \| `(.+)` \|$/gm)]
      expect(examples.map(([, example]) => example)).toEqual(EXAMPLES[over])
      for (const [, example = '', value] of examples) expect(await joinExample(over, example), example).toBe(value)
    }
  })

  it('has the page of aggregates that the code gives', async () => {
    expect(page('aggregates.md'), 'run npm run generate').toBe(await aggregatesPage())
  })
})
