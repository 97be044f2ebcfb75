/** A shop's table in a real PostgreSQL, and statements on it as an application would send them. */
import { spawn } from 'node:child_process'
import type { Random } from '../../support/random.ts'

const EVENT_TYPES = ['view', 'click', 'purchase']
const FIRST_ID = 1
/** So many statements go to psql in one go. */
const CHUNK = 500

export class ShopDatabase {
  readonly name: string
  readonly host: string
  readonly port: string
  private nextId = FIRST_ID
  /** About the ids that are there: statements may also name some that are not. */
  private ids: number[] = []

  private constructor(address: string, name: string) {
    this.name = name
    ;[this.host = '', this.port = ''] = address.split(':')
  }

  /** Makes the database and its table. `address`: `host:port` of the server. */
  static async create(address: string, name: string): Promise<ShopDatabase> {
    const database = new ShopDatabase(address, name)
    await database.psql('postgres', `create database ${name}`)
    await database.run(`create table user_activity (
      id bigint primary key, user_id text not null, event_type text not null, product_id text,
      amount numeric(10,2), note text, created_at timestamptz not null)`)
    // Large texts lie beside the row, and are not sent again while they do not change.
    await database.run('alter table user_activity alter column note set storage external')
    return database
  }

  async run(sql: string): Promise<string> {
    return await this.psql(this.name, sql)
  }

  private insert(r: Random): string {
    const id = this.nextId++
    this.ids.push(id)
    return `insert into user_activity values (${id}, ${this.row(r)});`
  }

  private row(r: Random): string {
    const amount = r.chance(0.1) ? 'null' : (r.int(-500, 99_999) / 100).toFixed(2)
    const note = r.chance(0.05) ? `repeat('${r.pick(['x', 'yz'])}', 4000)` : 'null'
    const at = new Date(Date.UTC(2026, 0, 1) + r.int(0, 86_400_000 * 30)).toISOString()
    const product = r.chance(0.2) ? 'null' : `'p${r.int(1, 20)}'`
    return `'${user(r)}', '${r.pick(EVENT_TYPES)}', ${product}, ${amount}, ${note}, '${at}'`
  }

  private statement(r: Random): string {
    const kind = r.next()
    const id = this.ids.length === 0 ? 0 : r.pick(this.ids)
    if (kind < 0.45 || id === 0) return this.insert(r)
    if (kind < 0.65) return `update user_activity set amount = ${r.int(0, 9_999)} / 100.0 where id = ${id};`
    // Moves between entities, and in time.
    if (kind < 0.75) return `update user_activity set user_id = '${user(r)}' where id = ${id};`
    if (kind < 0.8)
      return `update user_activity set created_at = created_at + interval '1 hour', product_id = null where id = ${id};`
    if (kind < 0.84) return `update user_activity set amount = amount where id = ${id};`
    if (kind < 0.92) {
      this.ids = this.ids.filter((known) => known !== id)
      return `delete from user_activity where id = ${id};`
    }
    if (kind < 0.96) {
      const to = this.nextId++
      this.ids = [...this.ids.filter((known) => known !== id), to]
      return `update user_activity set id = ${to} where id = ${id};`
    }
    if (kind < 0.99)
      return `begin; ${this.insert(r)} update user_activity set event_type = 'click' where id = ${id}; ${r.chance(0.3) ? 'rollback' : 'commit'};`
    return `update user_activity set amount = amount + 1 where user_id = '${user(r)}' and id % 7 = 0;`
  }

  /** About so many changes of rows. */
  async change(r: Random, count: number): Promise<void> {
    for (let done = 0; done < count; done += CHUNK) {
      const statements = Array.from({ length: Math.min(CHUNK, count - done) }, () => this.statement(r))
      await this.run(statements.join('\n'))
    }
  }

  /** The features as SQL, by user. */
  async features(
    users: readonly string[],
  ): Promise<(readonly [rows: number, spent: string | null, avg: number | null, products: number])[]> {
    const text = await this.run(`
      select user_id, count(*), coalesce(sum(amount)::text, ''), coalesce((avg(amount) filter (where event_type = 'purchase'))::text, ''), count(product_id)
      from user_activity group by user_id`)
    const found = new Map(
      text
        .split('\n')
        .filter(Boolean)
        .map((line) => [line.split('|')[0] ?? '', line.split('|')] as const),
    )
    return users.map((name) => {
      const [, rows, spent, avg, products] = found.get(name) ?? ['', '0', '', '', '0']
      return [Number(rows), spent || null, avg ? Number(avg) : null, Number(products)] as const
    })
  }

  private psql(database: string, sql: string): Promise<string> {
    const { host, port } = this
    const args = ['-h', host, '-p', port, '-U', 'postgres', '-d', database, '-v', 'ON_ERROR_STOP=1', '-q', '-t', '-A']
    return new Promise((resolve, reject) => {
      const child = spawn('psql', args, { stdio: ['pipe', 'pipe', 'pipe'] })
      let output = ''
      let errors = ''
      child.stdout.on('data', (data) => {
        output += data
      })
      child.stderr.on('data', (data) => {
        errors += data
      })
      child.once('error', reject)
      child.once('close', (code) =>
        code === 0 ? resolve(output.trim()) : reject(new Error(`psql: ${errors.slice(0, 500)}`)),
      )
      child.stdin.end(`${sql};\n`)
    })
  }
}

const user = (r: Random): string => `u${r.int(0, 199)}`
export const USERS: readonly string[] = Array.from({ length: 200 }, (_, i) => `u${i}`)
