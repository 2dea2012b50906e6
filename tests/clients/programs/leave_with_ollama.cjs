// Ollama's JavaScript library in the middle of a stream: aborts it, and lives on until its standard input ends.
const { Ollama } = require('ollama')

const client = new Ollama({ host: process.env.OLLAMA_HOST })

async function leave() {
  const messages = [{ role: 'user', content: '#fault:endless' }]
  try {
    for await (const part of await client.chat({ model: 'openai/gpt-4o-mini', messages, stream: true })) {
      console.log(part.message.content)
      client.abort()
    }
  } catch (error) {
    console.log(error.name)
  }
  process.stdin.resume()
}

leave()
