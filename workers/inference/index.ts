import { answer } from './app.ts'

/** An example of a model that reads its features beside it: one service binding, no key, no network. */
export default {
  async fetch(request: Request, env: InferenceEnv): Promise<Response> {
    return await answer(request, env, Date.now())
  },
}
