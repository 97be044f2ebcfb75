import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { root } from '../../scripts/lib/paths.ts'
import { parseYaml, type Yaml } from './yaml.ts'

const folder = join(root, '.github', 'workflows')
const files = readdirSync(folder)
const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { scripts: Record<string, string> }
const commands = readFileSync(join(root, 'scripts', 'tidemark.ts'), 'utf8')

type Map = Readonly<Record<string, Yaml>>
const mapOf = (value: Yaml | undefined): Map => {
  if (typeof value !== 'object' || Array.isArray(value)) throw new Error(`${JSON.stringify(value)} is no map`)
  return value as Map
}
const read = (file: string): Map => mapOf(parseYaml(readFileSync(join(folder, file), 'utf8')))
const jobsOf = (file: string): Map[] => Object.values(mapOf(read(file).jobs)).map(mapOf)
const stepsOf = (job: Map): Map[] => (job.steps as readonly Yaml[]).map(mapOf)

test('there are a check, a plan, a deployment, and parity by the hour', () => {
  expect(files.toSorted()).toEqual(['check.yml', 'deploy.yml', 'parity.yml', 'plan.yml'])
})

describe.each(files)('%s', (file) => {
  test('has a name, events, least rights, and jobs that end', () => {
    const workflow = read(file)
    expect(workflow.name).toBe(file.replace('.yml', ''))
    expect(workflow.on).toBeTruthy()
    expect(mapOf(workflow.permissions).contents).toBe('read')
    for (const job of jobsOf(file)) {
      expect(job['runs-on']).toBe('ubuntu-latest')
      expect(Number(job['timeout-minutes'])).toBeGreaterThan(0)
    }
  })

  test('every step uses an action of a version, or runs something', () => {
    for (const step of jobsOf(file).flatMap(stepsOf)) {
      if (step.uses !== undefined) expect(step.uses).toMatch(/^actions\/[a-z-]+@v\d+$/)
      else expect(step.run).toBeTruthy()
    }
  })

  test('names commands that there are', () => {
    for (const { run } of jobsOf(file).flatMap(stepsOf)) {
      const text = String(run ?? '')
      for (const [, name = ''] of text.matchAll(/npm (?:run )?([a-z:-]+)/g))
        expect(name === 'ci' || Object.hasOwn(scripts, name), `npm ${name}`).toBe(true)
      for (const [, name] of text.matchAll(/npx tidemark ([a-z-]+)/g)) expect(commands).toContain(`  ${name}: {`)
      for (const [, path = ''] of text.matchAll(/node (\S+\.ts)/g))
        expect(existsSync(join(root, path)), path).toBe(true)
      for (const [, option = ''] of text.matchAll(/tidemark deploy[^\n]*?(--[a-z-]+)/g))
        expect(readFileSync(join(root, 'scripts', 'deploy', 'options.ts'), 'utf8')).toContain(option.slice(2))
    }
  })

  test('puts nothing that somebody wrote into a shell but by way of the environment', () => {
    for (const { run } of jobsOf(file).flatMap(stepsOf)) expect(String(run ?? '')).not.toContain('${{')
  })
})

test('what runs code of a pull request can write nothing and keeps no token; what writes runs none of it', () => {
  for (const file of files) {
    for (const [name, job] of Object.entries(mapOf(read(file).jobs))) {
      const steps = stepsOf(mapOf(job))
      const checkouts = steps.filter(({ uses }) => String(uses).startsWith('actions/checkout@'))
      for (const { with: options } of checkouts) expect(mapOf(options)['persist-credentials'], file).toBe('false')
      const rights = {
        ...mapOf(read(file).permissions),
        ...(mapOf(job).permissions ? mapOf(mapOf(job).permissions) : {}),
      }
      const writes = Object.values(rights).includes('write')
      if (writes) expect({ file, name, checkouts: checkouts.length }).toEqual({ file, name, checkouts: 0 })
    }
  }
  const { plan, comment } = mapOf(read('plan.yml').jobs)
  expect(mapOf(plan).permissions).toBeUndefined()
  expect(mapOf(comment).permissions).toEqual({ contents: 'read', 'pull-requests': 'write' })
})

test('what was pushed is deployed when its check has gone well, and no other commit', () => {
  const { on, jobs } = read('deploy.yml')
  expect(mapOf(on)).not.toHaveProperty('push')
  expect(mapOf(mapOf(on).workflow_run)).toEqual({ workflows: ['check'], types: ['completed'], branches: ['main'] })
  expect(mapOf(mapOf(read('check.yml').on).push).branches).toEqual(['main'])
  const { regions, deploy } = mapOf(jobs)
  expect(mapOf(regions).if).toContain(
    "(github.event.workflow_run.conclusion == 'success' && github.event.workflow_run.event == 'push')",
  )
  for (const job of [regions, deploy])
    expect(mapOf(stepsOf(mapOf(job))[0]?.with).ref).toContain('github.event.workflow_run.head_sha || github.sha')
})

test('code of a pull request is given no secret', () => {
  for (const file of ['check.yml', 'plan.yml'])
    expect(readFileSync(join(folder, file), 'utf8')).not.toContain('secrets.')
})

test('regions are deployed one at a time and in order, never cut off in the middle, and stop at the first that fails', () => {
  const deploy = mapOf(mapOf(read('deploy.yml').jobs).deploy)
  expect(mapOf(deploy.strategy)).toMatchObject({ 'max-parallel': '1', 'fail-fast': 'true' })
  expect(mapOf(deploy.concurrency)).toMatchObject({
    group: expect.stringContaining('matrix.region'),
    'cancel-in-progress': 'false',
  })
  const env = mapOf(stepsOf(deploy).at(-1)?.env)
  expect(Object.keys(env)).toEqual([
    'REGION',
    'CLOUDFLARE_API_TOKEN',
    'CLOUDFLARE_ACCOUNT_ID',
    'TIDEMARK_TOKEN',
    'TOKENS',
    'CONNECTIONS',
  ])
})

test('what is not plain YAML is refused with its line', () => {
  expect(() => parseYaml('a: 1\n\tb: 2')).toThrow('a tab')
  expect(() => parseYaml('a: 1\n   b: 2')).toThrow('line 2')
  expect(() => parseYaml('a: {b: 1}')).toThrow('line 1')
  expect(() => parseYaml('a: 1\na: 2')).toThrow('a is there twice')
  expect(
    parseYaml('on:\n  push:\n    branches: [main, dev]\nsteps:\n  - run: |\n      one # kept\n      two\n  - uses: x'),
  ).toEqual({
    on: { push: { branches: ['main', 'dev'] } },
    steps: [{ run: 'one # kept\ntwo' }, { uses: 'x' }],
  })
})
