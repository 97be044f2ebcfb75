/** Several regions side by side, each a process of its own, with a link from each to each. */
import { freePort } from '../../../scripts/local/port.ts'
import { type RegionOptions, TestRegion } from '../region.ts'
import { Link } from './link.ts'

export type RegionsOptions = Omit<RegionOptions, 'name' | 'links' | 'doorPort' | 'connections'> & {
  readonly names: readonly string[]
  /** The secret CONNECTIONS of each region; default `{}`. */
  readonly connections?: (region: string) => object
}

export class TestRegions {
  readonly all: ReadonlyMap<string, TestRegion>
  /** By `from>to`. */
  private readonly links: ReadonlyMap<string, Link>

  private constructor(all: ReadonlyMap<string, TestRegion>, links: ReadonlyMap<string, Link>) {
    this.all = all
    this.links = links
  }

  /** Starts regions of the app `test/interop/regions/app`, or of another one that has them. */
  static async start({ names, connections = () => ({}), ...options }: RegionsOptions): Promise<TestRegions> {
    const ports = new Map<string, number>()
    for (const name of names) ports.set(name, await freePort(0))
    const links = new Map<string, Link>()
    for (const from of names) {
      for (const to of names) if (from !== to) links.set(`${from}>${to}`, await Link.open(ports.get(to) as number))
    }
    const started = await Promise.all(
      names.map(async (name) => {
        const own = names.filter((to) => to !== name)
        const ways = Object.fromEntries(own.map((to) => [to, (links.get(`${name}>${to}`) as Link).address]))
        const doorPort = ports.get(name) as number
        const region = await TestRegion.start({
          app: 'regions/app',
          ...options,
          name,
          connections: connections(name),
          links: ways,
          doorPort,
        })
        return [name, region] as const
      }),
    )
    return new TestRegions(new Map(started), links)
  }

  region(name: string): TestRegion {
    const region = this.all.get(name)
    if (region === undefined) throw new Error(`no region ${name} runs here`)
    return region
  }

  link(from: string, to: string): Link {
    const link = this.links.get(`${from}>${to}`)
    if (link === undefined) throw new Error(`no link from ${from} to ${to}`)
    return link
  }

  /** Both ways between a region and all others. */
  around(name: string): Link[] {
    return [...this.links].filter(([way]) => way.split('>').includes(name)).map(([, link]) => link)
  }

  healAll(): void {
    for (const link of this.links.values()) link.heal()
  }

  async stop(): Promise<void> {
    await Promise.all([...this.all.values()].map((region) => region.stop()))
    await Promise.all([...this.links.values()].map((link) => link.close()))
  }
}
