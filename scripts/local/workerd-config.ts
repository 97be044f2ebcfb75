/** The configuration of a standalone workerd, as Cap'n Proto text. Pure: data in, text out. */

/** One module of a Worker; from a file, or given as text (a no-op of a bench). The first of a Worker is its main module. */
export type Module =
  | { readonly name: string; readonly kind: 'esModule' | 'text' | 'data' | 'wasm'; readonly file: string }
  | { readonly name: string; readonly kind: 'esModule' | 'text'; readonly text: string }

export type ServiceBinding =
  | { readonly kind: 'text'; readonly name: string; readonly value: string }
  | { readonly kind: 'service'; readonly name: string; readonly service: string; readonly entrypoint?: string }
  | { readonly kind: 'durableObject'; readonly name: string; readonly service: string; readonly className: string }
  /** A KV namespace; the service speaks workerd's protocol of it (`kv-service.ts`). */
  | { readonly kind: 'kv'; readonly name: string; readonly service: string }
  /** An R2 bucket; the service speaks workerd's protocol of it (`r2-service.ts`). */
  | { readonly kind: 'r2'; readonly name: string; readonly service: string }

export interface Service {
  /** Lower case letters and digits. */
  readonly name: string
  readonly modules: readonly Module[]
  readonly bindings: readonly ServiceBinding[]
  /** Durable Object classes that this Worker exports; each has SQLite storage in the state folder. */
  readonly durableObjects?: readonly string[]
  /** Where its `fetch` goes: the internet (default), or also this machine and its network (peers in tests). */
  readonly outbound?: 'public' | 'private'
  /** A folder that it reads and writes by HTTP through a binding; the path is from the state folder. */
  readonly folder?: { readonly binding: string; readonly path: string }
}

/** What is elsewhere and answers HTTP: another region in tests. */
export interface ExternalService {
  /** Lower case letters, digits and dashes; no other service has it. */
  readonly name: string
  /** `127.0.0.1:PORT`. */
  readonly address: string
}

export interface Socket {
  readonly service: string
  /** A named entrypoint of the service; default: its own. */
  readonly entrypoint?: string
  readonly port: number
}

/** How a module lies beside the config: `modules/<service>/<name>`, for `embed` takes only relative paths. */
export function modulePath(service: Service, module: Module): string {
  return `modules/${service.name}/${module.name}`
}

/** Where the Durable Objects' SQLite files lie in a state folder. */
export const STORAGE_FOLDER = 'storage'

/** `stateDir`: an absolute path; its folder of storage and those of the services must exist. `v8Flags`: of the whole process. */
export function workerdConfig(
  services: readonly Service[],
  sockets: readonly Socket[],
  stateDir: string,
  compatibilityDate: string,
  v8Flags: readonly string[] = [],
  externals: readonly ExternalService[] = [],
): string {
  // The spaces around `=` and the dot are the syntax of a reference to another constant.
  const names = services.map((service) => `    (name = ${quote(service.name)}, worker = .${service.name}Worker),`)
  const ports = sockets.map(
    ({ service, entrypoint, port }) =>
      `    (name = ${quote(socketName({ service, entrypoint }))}, address = ${quote(`127.0.0.1:${port}`)}, http = (), service = ${target(service, entrypoint)}),`,
  )
  return [
    'using Workerd = import "/workerd/workerd.capnp";',
    'const config :Workerd.Config = (',
    '  services = [',
    ...names,
    diskText('storage', `${stateDir}/${STORAGE_FOLDER}`),
    ...services.flatMap(({ name, folder }) => (folder ? [diskText(diskName(name), `${stateDir}/${folder.path}`)] : [])),
    '    (name = "private", network = (allow = ["public", "private"], tlsOptions = (trustBrowserCas = true))),',
    ...externals.map(
      ({ name, address }) => `    (name = ${quote(name)}, external = (address = ${quote(address)}, http = ())),`,
    ),
    '  ],',
    '  sockets = [',
    ...ports,
    '  ],',
    ...(v8Flags.length > 0 ? [`  v8Flags = [${v8Flags.map(quote).join(', ')}],`] : []),
    ');',
    ...services.map((service) => workerText(service, compatibilityDate)),
    '',
  ].join('\n')
}

const diskText = (name: string, path: string): string =>
  `    (name = ${quote(name)}, disk = (path = ${quote(path)}, writable = true)),`

const diskName = (service: string): string => `${service}-disk`

function workerText(service: Service, compatibilityDate: string): string {
  const modules = service.modules.map(
    (module) => `(name = ${quote(module.name)}, ${module.kind} = embed ${quote(modulePath(service, module))})`,
  )
  const classes = (service.durableObjects ?? []).map(
    // The key is the folder of the class on disk: stable, or the state would be lost with the next start.
    (name) => `(className = ${quote(name)}, uniqueKey = ${quote(`${service.name}-${name}`)}, enableSql = true)`,
  )
  const storage =
    classes.length > 0
      ? [`  durableObjectNamespaces = [${classes.join(', ')}],`, '  durableObjectStorage = (localDisk = "storage"),']
      : []
  return [
    `const ${service.name}Worker :Workerd.Worker = (`,
    `  modules = [${modules.join(', ')}],`,
    `  compatibilityDate = ${quote(compatibilityDate)},`,
    ...storage,
    ...(service.outbound === 'private' ? ['  globalOutbound = "private",'] : []),
    `  bindings = [${bindingsOf(service)
      .map((binding) => bindingText(binding, service.name))
      .join(', ')}],`,
    ');',
  ].join('\n')
}

const bindingsOf = ({ name, bindings, folder }: Service): readonly ServiceBinding[] =>
  folder ? [...bindings, { kind: 'service', name: folder.binding, service: diskName(name) }] : bindings

function bindingText(binding: ServiceBinding, owner: string): string {
  const name = quote(binding.name)
  switch (binding.kind) {
    case 'text':
      return `(name = ${name}, text = ${quote(binding.value)})`
    case 'service':
      return `(name = ${name}, service = ${target(binding.service, binding.entrypoint)})`
    case 'kv':
      return `(name = ${name}, kvNamespace = ${target(binding.service, undefined)})`
    case 'r2':
      return `(name = ${name}, r2Bucket = ${target(binding.service, undefined)})`
    case 'durableObject': {
      const service = binding.service === owner ? '' : `, serviceName = ${quote(binding.service)}`
      return `(name = ${name}, durableObjectNamespace = (className = ${quote(binding.className)}${service}))`
    }
  }
}

/** What a socket is known by: its service, and the entrypoint where it has one. */
export const socketName = ({
  service,
  entrypoint,
}: Pick<Socket, 'service'> & { readonly entrypoint?: string | undefined }): string =>
  entrypoint === undefined ? service : `${service}/${entrypoint}`

/** What a binding or a socket leads to. */
function target(service: string, entrypoint: string | undefined): string {
  return `(name = ${quote(service)}${entrypoint === undefined ? '' : `, entrypoint = ${quote(entrypoint)}`})`
}

/** A Cap'n Proto string: JSON's escapes, but control characters are `\x1f` where JSON has `\u001f`. */
function quote(text: string): string {
  return JSON.stringify(text).replaceAll(/(?<!\\)((?:\\\\)*)\\u00([0-9a-f]{2})/g, '$1\\x$2')
}
