/** Several regions side by side, each a process of its own, with a link from each to each, and to each store of each. */
import { freePort } from '../../../scripts/local/port.ts'
import type { Region } from '../../../src/plan/index.ts'
import { type RegionOptions, TestRegion } from '../region.ts'
import { THREE } from './app/three.ts'
import { Link } from './link.ts'
import type { TestStores } from './stores.ts'

export type RegionsOptions = Omit<RegionOptions, 'name' | 'links' | 'doorPort' | 'connections'> & {
  /** All that will ever run. */
  readonly names: readonly string[]
  /** Those that run from the start; default: all. */
  readonly running?: readonly string[]
  /** The secret CONNECTIONS of each region; default `{}`, with the stores. */
  readonly connections?: (region: string) => object
  /** What runs where the regions have stores; default: none. */
  readonly stores?: TestStores
}

export class TestRegions {
  private readonly options: RegionsOptions
  private readonly doorPorts: ReadonlyMap<string, number>
  private readonly running = new Map<string, TestRegion>()
  /** By `from>to`, where `to` is a region or `REGION/STORE`. */
  private readonly links: ReadonlyMap<string, Link>
  /** What is deployed. */
  private deployed: readonly Region[]

  private constructor(
    options: RegionsOptions,
    doorPorts: ReadonlyMap<string, number>,
    links: ReadonlyMap<string, Link>,
    deployed: readonly Region[],
  ) {
    this.options = options
    this.doorPorts = doorPorts
    this.links = links
    this.deployed = deployed
  }

  /** Starts regions of the app `test/interop/regions/app`, or of another one that has them. */
  static async start(options: RegionsOptions): Promise<TestRegions> {
    const { names, stores, running = names, regions: deployed = THREE } = options
    const doorPorts = new Map<string, number>()
    for (const name of names) doorPorts.set(name, await freePort(0))
    const links = new Map<string, Link>()
    for (const from of names) {
      for (const [to, port] of doorPorts) if (from !== to) links.set(`${from}>${to}`, await Link.open(port))
      for (const [to, { port }] of stores?.all ?? []) links.set(`${from}>${to}`, await Link.open(port))
    }
    const regions = new TestRegions(options, doorPorts, links, deployed)
    await Promise.all(running.map((name) => regions.launch(name)))
    return regions
  }

  private async launch(name: string): Promise<void> {
    const { names: _, running: __, connections = () => ({}), stores, ...options } = this.options
    const ways = [...this.links].flatMap(([way, { address }]) => {
      const [from, to = ''] = way.split('>')
      return from === name ? [[to, address] as const] : []
    })
    const toStores = ways.flatMap(([to, address]) => {
      const token = stores?.all.get(to)?.token
      return token === undefined ? [] : [[to, { url: `http://${address}`, token }]]
    })
    const region = await TestRegion.start({
      app: 'regions/app',
      ...options,
      name,
      regions: this.deployed,
      connections: { ...connections(name), ...(stores && { stores: Object.fromEntries(toStores) }) },
      links: Object.fromEntries(ways.filter(([to]) => this.doorPorts.has(to))),
      doorPort: this.doorPorts.get(name) as number,
    })
    this.running.set(name, region)
  }

  /** Starts a region again that was killed, on its state. */
  async restart(name: string): Promise<void> {
    await this.region(name).start(undefined, this.deployed)
  }

  /** As a cron would: a shard that was never asked publishes nothing. */
  async wake(): Promise<void> {
    await Promise.all([...this.running.values()].map((region) => region.call('GET', '/v1/stores')))
  }

  /** As a deploy of another regions.ts: those that run are started again on their state, one after the other, new ones come after. */
  async deploy(deployed: readonly Region[]): Promise<void> {
    this.deployed = deployed
    for (const { name } of deployed) {
      const region = this.running.get(name)
      if (region === undefined) await this.launch(name)
      else {
        await region.kill()
        await this.restart(name)
      }
    }
  }

  get all(): ReadonlyMap<string, TestRegion> {
    return this.running
  }

  region(name: string): TestRegion {
    const region = this.running.get(name)
    if (region === undefined) throw new Error(`no region ${name} runs here`)
    return region
  }

  /** The way from a region to another one, or to a store, `REGION/NAME`. */
  link(from: string, to: string): Link {
    const link = this.links.get(`${from}>${to}`)
    if (link === undefined) throw new Error(`no link from ${from} to ${to}`)
    return link
  }

  /** Every way that there is, by `from>to`. */
  get allLinks(): ReadonlyMap<string, Link> {
    return this.links
  }

  /** Both ways between a region and all others, with the ways to their stores and from them to its own. */
  around(name: string): Link[] {
    return [...this.links]
      .filter(([way]) => {
        const [from = '', to = ''] = way.split('>')
        const place = to.split('/')[0]
        return from !== place && (from === name || place === name)
      })
      .map(([, link]) => link)
  }

  healAll(): void {
    for (const link of this.links.values()) link.heal()
  }

  async stop(): Promise<void> {
    await Promise.all([...this.running.values()].map((region) => region.stop()))
    await Promise.all([...this.links.values()].map((link) => link.close()))
  }
}
