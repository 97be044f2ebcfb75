import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { root } from '../../scripts/lib/paths.ts'

const folders: string[] = []
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true })
})

/** A repository of nothing but its set-up, and an npm that only leaves a file. */
function repository() {
  const folder = mkdtempSync(join(tmpdir(), 'tidemark-setup-'))
  folders.push(folder)
  for (const name of ['repo/scripts', 'bin', 'shared/.bin']) mkdirSync(join(folder, name), { recursive: true })
  for (const name of ['setup.mjs', 'tidemark-launcher.mjs']) {
    copyFileSync(join(root, 'scripts', name), join(folder, 'repo/scripts', name))
  }
  writeFileSync(join(folder, 'repo/package.json'), '{}')
  writeFileSync(join(folder, 'repo/package-lock.json'), '{}')
  const npm = join(folder, 'bin/npm')
  writeFileSync(npm, `#!/bin/sh\n: > '${folder}/npm-ran'\n/bin/mkdir -p node_modules/.bin\n`)
  chmodSync(npm, 0o755)
  const modules = join(folder, 'repo/node_modules')
  const run = () => {
    const { status, stderr, stdout } = spawnSync(process.execPath, [join(folder, 'repo/scripts/setup.mjs')], {
      encoding: 'utf8',
      env: { PATH: join(folder, 'bin') },
    })
    return { status, stderr, stdout, npmRan: existsSync(join(folder, 'npm-ran')) }
  }
  return { folder, modules, run }
}

// A link of Windows needs rights, and its npm is another file.
const onUnix = test.skipIf(process.platform === 'win32')

onUnix('nothing is installed through a link, be there a folder behind it or not', () => {
  for (const behind of ['shared', 'nowhere']) {
    const { folder, modules, run } = repository()
    symlinkSync(join(folder, behind), modules)
    expect(run()).toMatchObject({ status: 1, npmRan: false, stderr: expect.stringContaining('is a symbolic link') })
    expect(existsSync(join(folder, 'shared/.bin'))).toBe(true)
  }
})

onUnix('without a link npm installs, and a link to what it installed is left alone', () => {
  const { folder, modules, run } = repository()
  expect(run()).toMatchObject({ status: 0, npmRan: true })
  const other = repository()
  symlinkSync(join(folder, 'repo/node_modules'), other.modules)
  expect(other.run()).toMatchObject({ status: 0, npmRan: false, stdout: expect.stringContaining('nothing to do') })
  expect(existsSync(modules)).toBe(true)
})
