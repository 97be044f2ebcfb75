export default {
  async fetch(_request: Request, env: InferenceEnv): Promise<Response> {
    return new Response(await env.FEATURES.get())
  },
}
