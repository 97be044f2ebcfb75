import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { MemoryObjects } from '../../src/offline/index.ts'
import { FileObjects } from '../../src/offline/node/index.ts'
import { random } from '../support/random.ts'
import { objectsCases } from './objects-conformance.ts'

let folder = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tidemark-objects-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const bytesOf = (text: string) => new TextEncoder().encode(text)

describe('objects in memory', () => {
  test.each(objectsCases)('%s', async (_behaviour, check) => {
    const store = new MemoryObjects()
    await check({ store, another: store }, random(7_001))
  })
})

describe('objects as files', () => {
  test.each(objectsCases)('%s', async (_behaviour, check) => {
    await check({ store: new FileObjects(folder), another: new FileObjects(folder) }, random(7_002))
  })

  test.each([
    '../outside',
    'a/../../outside',
    '/etc/passwd',
    'a//b',
    'a/',
    '',
    '.',
    'a/.hidden',
    'a\\..\\b',
    'nul\0byte',
  ])('a key that is no file below the folder is refused: %j', async (key) => {
    const objects = new FileObjects(join(folder, 'bucket'))
    await expect(objects.put(key, bytesOf('x'))).rejects.toThrow('cannot be a file below')
    await expect(objects.get(key)).rejects.toThrow('cannot be a file below')
    await expect(objects.delete([key])).rejects.toThrow('cannot be a file below')
    expect(readdirSync(folder)).toEqual([])
  })

  test('a listing does not leave the folder either, and knows nothing of what is half-written', async () => {
    writeFileSync(join(folder, 'outside'), 'x')
    mkdirSync(join(folder, 'bucket/a'), { recursive: true })
    writeFileSync(join(folder, 'bucket/a/.k.1234.0.tmp'), 'half')
    writeFileSync(join(folder, 'bucket/a/k'), 'whole')
    const objects = new FileObjects(join(folder, 'bucket'))
    expect(await objects.list('')).toMatchObject([{ key: 'a/k', bytes: 5 }])
    expect(await objects.list('../')).toEqual([])
    expect(await objects.list('/')).toEqual([])
  })

  test('a folder that is not there has no objects, and is made by the first', async () => {
    const objects = new FileObjects(join(folder, 'new/bucket'))
    expect(await objects.list('')).toEqual([])
    await objects.put('k', bytesOf('1'))
    expect(readFileSync(join(folder, 'new/bucket/k'), 'utf8')).toBe('1')
    expect(readdirSync(join(folder, 'new/bucket'))).toEqual(['k'])
  })

  test('an object in the way of a folder is told, and nothing is left behind', async () => {
    const objects = new FileObjects(folder)
    await objects.put('a', bytesOf('1'))
    await expect(objects.put('a/b', bytesOf('2'))).rejects.toThrow()
    expect(readdirSync(folder)).toEqual(['a'])
  })

  test('what cannot be read is an error, not an absence', async () => {
    symlinkSync('loop', join(folder, 'loop'))
    await expect(new FileObjects(folder).get('loop')).rejects.toThrow('ELOOP')
  })
})
