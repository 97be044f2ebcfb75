import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { takeLock } from '../../scripts/deploy/lock.ts'

const folder = mkdtempSync(join(tmpdir(), 'tidemark-lock-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const own = { pid: process.pid, startedMs: 1 }

test('the second of two deployments of a region is told who has it; of another region it goes on', () => {
  const release = takeLock(folder, 'weur', own)
  expect(takeLock(folder, 'weur', { pid: 2, startedMs: 2 })).toEqual({ heldBy: own })
  expect(takeLock(folder, 'enam', own)).toBeTypeOf('function')
  if (typeof release === 'function') release()
  expect(takeLock(folder, 'weur', own)).toBeTypeOf('function')
})

test('a deployment that was killed holds nothing, and neither does a file that is torn', () => {
  takeLock(folder, 'apac', own)
  expect(takeLock(folder, 'apac', own, () => false)).toBeTypeOf('function')
  writeFileSync(join(folder, 'deploy-oc.1.lock'), '{"pid":')
  expect(takeLock(folder, 'oc', own)).toBeTypeOf('function')
})

test('of two that find the lock of a process that has ended, one gets it', () => {
  const [dead, live] = [999_999, process.pid]
  writeFileSync(join(folder, 'deploy-sam.7.lock'), JSON.stringify({ pid: dead, startedMs: 1 }))
  let other: unknown
  const mine = takeLock(folder, 'sam', { pid: live, startedMs: 2 }, (pid) => {
    if (pid !== dead) return true
    // While this one asks whether the process is there, the other one has done all of that.
    other ??= takeLock(folder, 'sam', { pid: live, startedMs: 3 }, () => false)
    return false
  })
  expect(mine).toEqual({ heldBy: { pid: live, startedMs: 3 } })
  expect(other).toBeTypeOf('function')
})

test('one that has looked long ago does not take a number that has become free again', () => {
  const live = { pid: process.pid, startedMs: 3 }
  writeFileSync(join(folder, 'deploy-afr.1.lock'), JSON.stringify({ pid: 999_999, startedMs: 1 }))
  let isFirst = true
  const mine = takeLock(folder, 'afr', own, (pid) => {
    if (!isFirst) return pid === process.pid
    isFirst = false
    // Number 2 has come and gone, and number 3 holds it.
    const second = takeLock(folder, 'afr', own, () => false)
    if (typeof second === 'function') second()
    takeLock(folder, 'afr', live, () => false)
    return false
  })
  expect(mine).toEqual({ heldBy: live })
  expect(readdirSync(folder).filter((name) => name.startsWith('deploy-afr.'))).toEqual(['deploy-afr.3.lock'])
})
