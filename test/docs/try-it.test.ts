import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { root } from '../../scripts/lib/paths.ts'

/** The last command of a page, run as a reader would. */
function tryIt(page: string): string {
  const text = readFileSync(join(root, 'docs', page), 'utf8')
  const command = /```sh\n(.*?)\n```/s.exec(text.slice(text.indexOf('## Try it')))?.[1]
  if (command === undefined) throw new Error(`${page} ends with no command`)
  const { stdout, stderr } = spawnSync('bash', ['-c', command], { cwd: root, encoding: 'utf8' })
  if (stdout === '') throw new Error(stderr)
  return stdout
}

test('what enrichment.md ends with gives what it says', () => {
  const said = tryIt('enrichment.md')
  expect(said).toContain('Table products has no row for "product_id" "p2"')
  expect(said).toContain("total: '109.00'")
})

test('what contracts.md ends with shows a schema that does not fit, a letter and the counts', () => {
  const said = tryIt('contracts.md')
  expect(said).toContain('delay')
  expect(said).toContain('"amount" is -5; its source expects >= 0 and <= 10000')
  expect(said).toMatch(/amount >= 0 and <= 10000.*broken.*2.*1.*-5/)
  expect(said).toMatch(/at least 2 in 1h.*broken.*1.*0/)
})
