// serve-peer.js URL: ws and undici against a jobq-serve that a worker serves.
// Prints a line of JSON for each thing that was seen.
"use strict";
const WebSocket = require("ws");
const { Client } = require("undici");
const url = process.argv[2];
const say = (name, value) => console.log(JSON.stringify({ name, value }));

function watch(id, query = "", heard = () => {}) {
	return new Promise((done, failed) => {
		const socket = new WebSocket(
			`${url.replace("http", "ws")}/tasks/${id}/watch${query}`);
		const frames = [];
		socket.on("message", (data, binary) => {
			frames.push(binary ? "binary" : data.toString());
			heard(data.toString(), socket);
		});
		socket.on("close", (code) => done({ frames, code }));
		socket.on("unexpected-response", (_, answer) =>
			done({ status: answer.statusCode }));
		socket.on("error", failed);
	});
}

async function main() {
	const client = new Client(url, { pipelining: 8 });
	const ask = async (method, path, body) => {
		const answer = await client.request({
			method,
			path,
			headers: { "content-type": "application/json" },
			body: body && JSON.stringify(body),
		});
		return { status: answer.statusCode, body: await answer.body.json() };
	};
	const submit = async (type) =>
		(await ask("POST", "/tasks",
			{ project: "p", type, params: {} })).body.task_id;

	let id = await submit("steps");
	let late;
	const both = await Promise.all([
		watch(id, "", (text) => {
			if (text === "1")
				late = watch(id);
		}),
		watch(id),
	]);
	say("two", both);
	say("late", await late);
	say("replay", await watch(id));
	// A cut after each event, and on from there.
	const lines = [];
	while (lines.at(-1)?.event !== "completed") {
		const since = lines.at(-1)?.seq ?? 0;
		let taken = false;
		await watch(id, `?format=json&since=${since}`, (text, socket) => {
			if (!taken)
				lines.push(JSON.parse(text));
			taken = true;
			socket.terminate();
		});
		if (!taken)
			break;
	}
	say("resumed", lines);
	const all = (await watch(id, "?format=json")).frames;
	say("all", all.map((line) => JSON.parse(line)));
	say("unknown", await watch("nosuch"));
	id = await submit("long");
	say("stopped", await watch(id, "", (text, socket) => {
		if (text === "begun")
			socket.send("STOP");
	}));
	say("status", (await ask("GET", `/tasks/${id}`)).body.status);
	// Kept alive, pipelined, GET and POST mixed.
	const answers = await Promise.all(Array.from({ length: 60 }, (_, i) =>
		i % 3 === 0 ? ask("POST", "/tasks",
			{ project: "p", type: "none", params: { i } })
			: ask("GET", i % 3 === 1 ? "/health" : `/tasks/${id}`)));
	say("answers", answers.map((answer) => answer.status));
	await client.close();
}

main().catch((error) => {
	console.error(error);
	process.exit(1);
});
