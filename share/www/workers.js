// Who works: found from the leases of running jobs. A worker that holds no job
// is not known to a store.

import { ask } from './api.js'
import { draw, h } from './dom.js'
import { count, duration, shortId, visible } from './words.js'

const PAGE = 500
const PAGES = 4

// So many jobs of a worker are shown without being asked for.
const OPEN = 8

// Without a sign for so long a worker is late: by now its leases, of 30 s
// unless it asked for others, should have been renewed twice.
const LATE_S = 25

function group(jobs) {
	const workers = new Map()
	for (const job of jobs) {
		const held = job.inner('held')
		const name = held.words('worker')
		if (!workers.has(name))
			workers.set(name, { name, jobs: [], renewed: Infinity, age: 0 })
		const worker = workers.get(name)
		worker.jobs.push(job)
		worker.renewed = Math.min(worker.renewed,
			held.number('renewed') || 0)
		worker.age = Math.max(worker.age, held.number('age') || 0)
	}
	return [...workers.values()].sort((a, b) => a.name < b.name ? -1 : 1)
}

function heldJob(job) {
	const id = job.words('id')
	const held = job.inner('held')
	const silent = held.number('silent') || 0
	return h('li', { 'data-key': id },
		h('a', { href: `jobs?id=${encodeURIComponent(id)}`, title: id },
			shortId(id)), ' ',
		h('bdi', null, visible(job.words('name'))),
		` for ${duration((held.number('age') || 0) * 1000)}`,
		silent >= 60 && `, silent for ${duration(silent * 1000)}`,
		held.raw('cancel') !== undefined && ', asked to stop')
}

export class Workers {
	title = 'Workers'

	constructor(place) {
		this.place = place
	}

	async refresh() {
		const jobs = []
		let after
		for (let i = 0; i < PAGES; i++) {
			const page = await ask('list', { by: 'running', limit: PAGE },
				after)
			jobs.push(...page.lines)
			after = page.more ? page.after : undefined
			if (after === undefined)
				break
		}
		this.draw(group(jobs), jobs.length, after !== undefined)
	}

	row(worker) {
		// host:pid:random, unless it was given another name.
		const parts = worker.name.match(/^(.+):(\d+):([0-9a-f]+)$/)
		const late = worker.renewed > LATE_S
		return h('tr', { 'data-key': worker.name },
			h('th', { scope: 'row' },
				h('bdi', { title: visible(worker.name) },
					visible(parts ? parts[1] : worker.name))),
			h('td', { 'data-label': 'process', class: 'num' },
				parts ? parts[2] : '–'),
			h('td', { 'data-label': 'jobs', class: 'num' },
				String(worker.jobs.length)),
			h('td', { 'data-label': 'longest', class: 'num' },
				duration(worker.age * 1000)),
			h('td', { 'data-label': 'heartbeat', class: 'num' },
				h('span', { class: late && 'chip failed' },
					`${duration(worker.renewed * 1000)} ago`)),
			h('td', { 'data-label': 'queues' }, [...new Set(worker.jobs.map(
				job => job.words('queue')))].map((queue, i) => [
				i > 0 && ', ', h('a', { 'data-row': i === 0,
					href: `jobs?state=running&queue=` +
						encodeURIComponent(queue) },
				h('bdi', null, visible(queue)))])),
			h('td', { class: 'note' }, h('details', { open:
				worker.jobs.length <= OPEN },
				h('summary', null, count(worker.jobs.length, 'job')),
				h('ul', { class: 'held' }, worker.jobs.map(heldJob)))))
	}

	draw(workers, jobs, more) {
		const head = (name, num) => h('th', { scope: 'col',
			class: num && 'num' }, name)
		draw(this.place,
			h('h1', null, 'Workers', h('small', null,
				`${count(workers.length, 'worker')} with ` +
				`${count(jobs, 'job')}${more ? ', and more' : ''}`)),
			workers.length === 0
				? h('p', { class: 'empty' }, 'No worker holds a job now. ' +
					'One that waits for jobs is not seen here; begin one ' +
					'with ', h('code', null, 'jobq-work -- COMMAND'), '.')
				: h('table', { class: 'cards workers' },
					h('thead', null, h('tr', null, head('host'),
						head('process', true), head('jobs', true),
						head('longest', true), head('heartbeat', true),
						head('queues'), head(''))),
					h('tbody', null,
						workers.map(worker => this.row(worker)))),
			h('p', { class: 'hint' }, 'Only workers that hold jobs are ' +
				'known to the store. The heartbeat is their last renewal ' +
				'of a lease.'))
	}
}
