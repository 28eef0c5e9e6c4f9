// The program on the other side of the plugin sidecar, in Node, by the package
// redis: sends COUNT requests at SOCKET, reads the results by a consumer group
// of its own, and prints them as one line of JSON.
//     node crewai-peer.js SOCKET COUNT
'use strict'
const { createClient } = require('redis')

const REQUESTS = 'plugin:requests'
const RESULTS = 'plugin:results'
const GROUP = 'go-workers'
const END_MS = 60000

async function send(client, count) {
	for (let i = 0; i < count; i++) {
		const payload = JSON.stringify({
			plugin_run_id: `run "${i}" é`,
			plugin_name: i % 3 === 2 ? 'nosuch' : 'demo',
			user_id: 42,
			settings: i % 3 === 1 ? { fail: `no ${i}` } : { i },
		})
		await client.xAdd(REQUESTS, '*', { payload, schema_version: 'v1' })
	}
}

async function receive(client, count) {
	const results = []
	const end = Date.now() + END_MS
	while (results.length < count && Date.now() < end) {
		const read = await client.xReadGroup(GROUP, 'peer',
			{ key: RESULTS, id: '>' }, { COUNT: 10, BLOCK: 500 })
		for (const { id, message } of read ? read[0].messages : []) {
			results.push({ fields: Object.keys(message),
				version: message.schema_version,
				...JSON.parse(message.payload) })
			await client.xAck(RESULTS, GROUP, id)
		}
	}
	return results
}

async function main(path, count) {
	const client = createClient({ socket: { path } })
	await client.connect()
	await client.xGroupCreate(RESULTS, GROUP, '0', { MKSTREAM: true })
	await send(client, count)
	console.log(JSON.stringify(await receive(client, count)))
	await client.quit()
}

main(process.argv[2], Number(process.argv[3]))
