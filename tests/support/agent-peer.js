// The client of an agent's service in Node, by the package kafkajs: what an API
// of another make does. It sends tasks, for each argument that follows one with
// that input, stops those whose input begins with "hang" when they have said a
// line of their own, and prints what task-progress has of all of them, until
// each has ended.
//     node agent-peer.js ADDRESS PREFIX INPUT...
'use strict'
const { Kafka, logLevel } = require('kafkajs')

const END_MS = 60000
const [address, prefix, ...inputs] = process.argv.slice(2)

function over(update) {
	return update === 'DONE' || update === 'STOPPED' ||
		update.startsWith('FAILED: ')
}

async function main() {
	const kafka = new Kafka({ brokers: [address], clientId: 'peer',
		logLevel: logLevel.ERROR, retry: { initialRetryTime: 50 } })
	const producer = kafka.producer()
	const consumer = kafka.consumer({ groupId: `${prefix}-peer` })
	const send = (topic, key, value) => producer.send({
		topic: `${prefix}-${topic}`, acks: -1,
		messages: [{ key, value: JSON.stringify(value) }] })
	let open = inputs.length

	await Promise.all([producer.connect(), consumer.connect()])
	for (const [i, input] of inputs.entries())
		await send('tasks', null, { task_id: `t${i}`, project: 'default',
			type: 'agent', command: 'run', params: { input } })
	await consumer.subscribe({ topic: `${prefix}-progress`,
		fromBeginning: true })
	await new Promise((resolve, reject) => {
		setTimeout(() => reject(new Error(`${open} are open`)),
			END_MS).unref()
		consumer.run({ eachMessage: async ({ message }) => {
			const { task_id, update } = JSON.parse(message.value)
			console.log(`${task_id} ${update}`)
			if (update.startsWith('args: agent run --input hang'))
				await send('control', null,
					{ task_id, signal: 'STOP' })
			if (over(update) && --open === 0)
				resolve()
		} }).catch(reject)
	})
	await Promise.all([producer.disconnect(), consumer.disconnect()])
}

main().catch((error) => {
	console.error(error.message)
	process.exit(1)
})
