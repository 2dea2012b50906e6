// Codex CLI, headless: as `--oss`, which looks for Ollama at the address in a variable of its own, and with a provider
// described as `ollama launch` does it. Both ask `/v1/responses`.
const { spawnSync } = require('node:child_process')
const { mkdirSync, writeFileSync } = require('node:fs')
const { join } = require('node:path')
const { tell } = require('./telling.cjs')

const ADDRESS = `${process.env.OLLAMA_HOST}/v1`
const MODEL = 'openai/gpt-4o-mini'
const FOLDER = join(process.env.HOME, 'folder')
mkdirSync(FOLDER)
writeFileSync(join(FOLDER, 'note.txt'), 'the word in the file\n')

const OSS = ['--oss', '--local-provider', 'ollama']
const PROVIDER = Object.entries({
  model_provider: 'proxy',
  'model_providers.proxy.name': 'Ollama',
  'model_providers.proxy.base_url': `${ADDRESS}/`,
  'model_providers.proxy.wire_api': 'responses',
  // It tries again by itself; here each refusal is to be seen at once.
  'model_providers.proxy.request_max_retries': 0,
  'model_providers.proxy.stream_max_retries': 0,
}).flatMap(([key, value]) => ['-c', `${key}=${JSON.stringify(value)}`])

function ask(question, provider, model = MODEL) {
  const cli = require.resolve('@openai/codex/bin/codex.js')
  const given = ['exec', ...provider, '--model', model, '--skip-git-repo-check', '--json', question]
  const env = { ...process.env, CODEX_OSS_BASE_URL: ADDRESS, OPENAI_API_KEY: 'ollama' }
  const options = { cwd: FOLDER, env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], timeout: 60_000 }
  const { status, stdout, stderr } = spawnSync(process.execPath, [cli, ...given], options)
  const events = stdout.split('\n').filter(Boolean).map((line) => JSON.parse(line))
  const items = events.filter((event) => event.type === 'item.completed').map((event) => event.item)
  const of = (type) => items.filter((item) => item.type === type)
  return {
    status,
    said: of('agent_message').map((item) => item.text),
    thought: of('reasoning').map((item) => item.text),
    ran: of('command_execution').map((item) => [item.exit_code, item.aggregated_output]),
    usage: events.find((event) => event.type === 'turn.completed')?.usage,
    failed: events.find((event) => event.type === 'turn.failed')?.error.message,
    stderr,
  }
}

tell({
  oss: () => ask('say hello', OSS),
  provider: () => ask('say hello again', PROVIDER),
  tool: () => ask('#call:exec_command {"cmd": "cat note.txt"}', OSS),
  thinking: () => ask('think first', PROVIDER, 'deepseek/deepseek-r1'),
  not_listed: () => ask('hello', OSS, 'nope'),
  no_credit: () => ask('#fault:status-402', PROVIDER),
  broken_off: () => ask('#fault:error-mid-stream', PROVIDER),
})
