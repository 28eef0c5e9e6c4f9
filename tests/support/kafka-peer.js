// A client of Kafka in Node, by the package kafkajs. It sends COUNT tasks to
// one topic, reads as many of what comes back on another, by a group of its
// own, commits what it has read, and prints one line of JSON.
//     node kafka-peer.js ADDRESS TASKS ANSWERS COUNT
'use strict'
const { Kafka, logLevel } = require('kafkajs')

const END_MS = 60000

async function send(kafka, topic, count) {
	const producer = kafka.producer({ idempotent: false })
	await producer.connect()
	for (let i = 0; i < count; i++)
		await producer.send({ topic, acks: -1, messages: [{
			key: `t${i}`,
			value: JSON.stringify({ task_id: `t${i}`, text: `"é" ${i}` }),
			headers: { n: String(i) },
		}] })
	await producer.disconnect()
}

async function receive(kafka, topic, count, groupId) {
	const consumer = kafka.consumer({ groupId })
	const got = []
	await consumer.connect()
	await consumer.subscribe({ topic, fromBeginning: true })
	await new Promise((resolve, reject) => {
		setTimeout(() => reject(new Error(`${got.length} came`)),
			END_MS).unref()
		consumer.run({
			autoCommitThreshold: 1,
			eachMessage: async ({ message }) => {
				const headers = {}
				for (const name in message.headers)
					headers[name] = message.headers[name].toString()
				got.push({ key: message.key && message.key.toString(),
					value: message.value.toString(), headers })
				if (got.length === count)
					resolve()
			},
		}).catch(reject)
	})
	await consumer.disconnect()
	return got
}

async function main(address, tasks, answers, count) {
	const kafka = new Kafka({ brokers: [address], clientId: 'peer',
		logLevel: logLevel.ERROR, retry: { initialRetryTime: 50 } })
	await send(kafka, tasks, count)
	const got = await receive(kafka, answers, count, `${answers}-peer`)
	console.log(JSON.stringify(got))
}

main(process.argv[2], process.argv[3], process.argv[4],
	Number(process.argv[5])).catch((error) => {
	console.error(error.message)
	process.exit(1)
})
