// OpenAI's JavaScript library in the middle of a stream: aborts it, and lives on until its standard input ends.
const { OpenAI } = require('openai')

const client = new OpenAI({ baseURL: `${process.env.OLLAMA_HOST}/v1`, apiKey: 'ollama' })

async function leave() {
  const messages = [{ role: 'user', content: '#fault:endless' }]
  const stream = await client.chat.completions.create({ model: 'openai/gpt-4o-mini', messages, stream: true })
  for await (const part of stream) {
    console.log(part.choices[0].delta.content)
    stream.controller.abort()
  }
  process.stdin.resume()
}

leave()
