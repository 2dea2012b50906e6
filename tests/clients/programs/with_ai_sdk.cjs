// Vercel's AI SDK with a provider for Ollama, which asks `/api` of the address in OLLAMA_HOST.
const { embedMany, generateObject, generateText, isStepCount, streamText, tool } = require('ai')
const { createOllama } = require('ollama-ai-provider-v2')
const { z } = require('zod')
const { PICTURE, gathered, tell } = require('./telling.cjs')

const ollama = createOllama({ baseURL: `${process.env.OLLAMA_HOST}/api` })
const MODEL = 'openai/gpt-4o-mini'
const THINKER = 'deepseek/deepseek-r1'
const CITY = z.object({ name: z.string(), population: z.number().int() })
// The SDK calls the function by itself, and asks again with what it returned.
const WITH_ADD = {
  tools: {
    add: tool({
      description: 'Add two numbers',
      inputSchema: z.object({ a: z.number().int(), b: z.number().int() }),
      execute: async ({ a, b }) => `it is ${a + b}`,
    }),
  },
  stopWhen: isStepCount(3),
}

// It tries again by itself, too; here each refusal is to be seen at once.
const asked = (prompt, { model = MODEL, ...more } = {}) => ({ model: ollama(model), prompt, maxRetries: 0, ...more })
const ask = (prompt, more) => generateText(asked(prompt, more))
// Errors in a stream go past whoever reads its text; here they are gathered instead of printed.
const askInPieces = (prompt, more) => streamText(asked(prompt, { onError: () => {}, ...more }))
const thinking = { model: THINKER, providerOptions: { ollama: { think: true } } }

const steps = {
  async plain() {
    const { text, finishReason, usage } = await ask('say it whole')
    return [text, finishReason, usage.inputTokens, usage.outputTokens]
  },

  async streamed() {
    const answer = askInPieces('say it in pieces')
    return [await gathered(answer.textStream), await answer.finishReason]
  },

  async options() {
    const options = { temperature: 0.5, num_predict: 5, num_ctx: 8000, stop: ['STOP'], seed: 7 }
    const { text, finishReason } = await ask('mind the options', { providerOptions: { ollama: { options } } })
    return [text, finishReason]
  },

  async tools() {
    const answer = await ask('use the tool add', WITH_ADD)
    const calls = answer.steps.flatMap((step) => step.toolCalls)
    return [calls.map((call) => [call.toolName, call.input]), answer.text]
  },

  async tools_streamed() {
    const answer = askInPieces('use the tool add in pieces', WITH_ADD)
    const calls = (await gathered(answer.fullStream)).filter((part) => part.type === 'tool-call')
    return [calls.map((call) => [call.toolName, call.input]), await answer.text]
  },

  async structured() {
    return (await generateObject(asked('name a city', { schema: CITY }))).object
  },

  async picture() {
    const content = [
      { type: 'text', text: 'look at it' },
      { type: 'file', mediaType: 'image/png', data: PICTURE },
    ]
    const messages = [{ role: 'user', content }]
    return (await generateText({ model: ollama('openai/gpt-4o'), messages, maxRetries: 0 })).text
  },

  async thinking() {
    const { reasoningText, text } = await ask('think first', thinking)
    return [reasoningText, text]
  },

  async thinking_streamed() {
    const answer = askInPieces('think in pieces', thinking)
    return [await answer.reasoningText, await answer.text]
  },

  async embedded() {
    const model = ollama.embeddingModel('openai/text-embedding-3-small')
    const { embeddings, usage } = await embedMany({ model, values: ['one', 'two'] })
    const length = (vector) => vector.reduce((sum, value) => sum + value * value, 0)
    const lengths = embeddings.map((vector) => length(vector).toFixed(6))
    return [embeddings.map((vector) => vector.length), lengths, usage.tokens]
  },

  async unknown_model() {
    return (await ask('hello', { model: 'nope' })).text
  },

  async no_credit() {
    return (await ask('#fault:status-402')).text
  },

  async too_many_in_a_stream() {
    const parts = await gathered(askInPieces('#fault:status-429').fullStream)
    return parts.map((part) => [part.type, part.error?.statusCode ?? null, part.error?.responseBody ?? null])
  },
}

tell(steps)
