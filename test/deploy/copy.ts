/** This repository in a folder of its own with other regions, generated and ready: what somebody who forked it has. */
import { spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { root } from '../../scripts/lib/paths.ts'

const PARTS = ['src', 'features', 'durable-objects', 'workers', 'scripts', 'docs', 'package.json', 'package-lock.json']

export interface Ran {
  readonly status: number | null
  readonly out: string
  readonly err: string
}

export class RepositoryCopy {
  readonly folder = mkdtempSync(join(tmpdir(), 'tidemark-fork-'))

  constructor(regions: string) {
    for (const part of PARTS) cpSync(join(root, part), join(this.folder, part), { recursive: true })
    symlinkSync(join(root, 'node_modules'), join(this.folder, 'node_modules'), 'dir')
    this.write('regions.ts', regions)
  }

  write(path: string, text: string): void {
    writeFileSync(join(this.folder, path), text)
  }

  read(path: string): string {
    return readFileSync(join(this.folder, path), 'utf8')
  }

  /** Runs a script of the copy; `env` on top of an environment that knows no secret of this one. */
  run(args: readonly string[], env: Readonly<Record<string, string>> = {}): Ran {
    const { CLOUDFLARE_API_TOKEN: _, TOKENS: __, CONNECTIONS: ___, TIDEMARK_TOKEN: ____, ...clean } = process.env
    const { status, stdout, stderr } = spawnSync(process.execPath, args, {
      cwd: this.folder,
      encoding: 'utf8',
      env: { ...clean, NO_COLOR: '1', ...env },
      timeout: 120_000,
    })
    return { status, out: stdout, err: stderr }
  }

  deploy(args: readonly string[], env?: Readonly<Record<string, string>>): Ran {
    return this.run(['scripts/tidemark.ts', 'deploy', ...args], env)
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true })
  }
}
