/** An inference Worker: reads vectors over the service binding, its models from a bucket, and answers with predictions. */
import { type Gbdt, prediction, rawScore, readGbdt } from './gbdt.ts'
import type { ModelInputs, Values } from './model-inputs.ts'

export interface PredictorEnv {
  /** The lookup Worker's entrypoint. */
  readonly FEATURES: {
    get(
      service: string,
      entities: readonly object[],
      options: { readonly at: number; readonly metadata: true },
    ): Promise<{
      readonly rows: readonly {
        readonly features: Values
        readonly metadata?: { readonly commits: readonly string[] }
      }[]
    }>
  }
  /** Where models lie, each as `models/SERVICE.json`: LightGBM's dump. */
  readonly MODELS: { get(key: string): Promise<{ json(): Promise<unknown> } | null> }
}

/** What is asked: rows with the keys and columns of the model, all at one time. */
export interface PredictRequest {
  readonly at: number
  readonly rows: readonly Values[]
}

export interface Prediction {
  /** The sum over the trees; null while there is no model: then only commits are of use. */
  readonly raw: number | null
  readonly probability: number | null
  /** What the vector had seen. Kept with the prediction, it gives that very vector in a training set. */
  readonly commits: readonly string[]
}

/**
 * Answers `POST /v1/predict/fraud`. A model is read once by each isolate, as soon as it is there; another one is a deploy, as code is.
 * It asks for no token: where others reach it, let `Tokens` of src/serve decide, as workers/inference does.
 */
export function createPredictor(models: readonly ModelInputs[]) {
  const byName = new Map(models.map((model) => [nameOf(model), model]))
  const loaded = new Map<string, Gbdt>()

  async function modelOf(name: string, env: PredictorEnv): Promise<Gbdt | undefined> {
    const found = loaded.get(name) ?? (await readModel(name, env))
    if (found !== undefined) loaded.set(name, found)
    return found
  }

  return {
    async fetch(request: Request, env: PredictorEnv): Promise<Response> {
      const { pathname } = new URL(request.url)
      if (pathname === '/v1/health') return Response.json({ status: 'ok', models: [...byName.keys()] })
      const inputs = byName.get(/^\/v1\/predict\/([^/]+)$/.exec(pathname)?.[1] ?? '')
      if (inputs === undefined || request.method !== 'POST')
        return Response.json(
          { detail: `POST /v1/predict/MODEL, of ${[...byName.keys()].join(', ')}.` },
          { status: 404 },
        )
      try {
        const { at, rows } = (await request.json()) as PredictRequest
        const entities = rows.map((row) => Object.fromEntries(inputs.keys.map((key) => [key, row[key]])))
        const model = await modelOf(nameOf(inputs), env)
        const vectors = await env.FEATURES.get(nameOf(inputs), entities, { at, metadata: true })
        const predictions = vectors.rows.map(({ features, metadata }, i): Prediction => {
          const raw = model && rawScore(model, inputs.values(rows[i] ?? {}, features, at))
          return {
            raw: raw ?? null,
            probability: model && raw !== undefined ? prediction(model, raw) : null,
            commits: metadata?.commits ?? [],
          }
        })
        return Response.json({ predictions })
      } catch (error) {
        return Response.json({ detail: error instanceof Error ? error.message : String(error) }, { status: 400 })
      }
    },
  }
}

const nameOf = ({ service }: ModelInputs): string => service.split('@')[0] ?? service

async function readModel(name: string, { MODELS }: PredictorEnv): Promise<Gbdt | undefined> {
  const object = await MODELS.get(`models/${name}.json`)
  if (object === null) return undefined
  const model = readGbdt(await object.json())
  if ('error' in model) throw new Error(`models/${name}.json: ${model.error}`)
  return model
}
