// The overview: what each queue has, and what stands behind the page.

import { ask } from './api.js'
import { pause } from './act.js'
import { draw, h } from './dom.js'
import { ago, clock, count, duration, instant, now, visible } from './words.js'

export const STATES = ['blocked', 'scheduled', 'ready', 'running', 'completed',
	'cancelled', 'failed']

// How many of the running jobs are looked at for their workers, and on which
// of the drawings.
const RUNNING = 200
const EACH = 3

// Points of the curves, one for each drawing.
const POINTS = 90

// What a state that is counted is called in a list.
export function listed(state) {
	return state === 'scheduled' || state === 'ready' ? 'pending' : state
}

export function totals(queues) {
	return Object.fromEntries(STATES.map(state => [state,
		queues.reduce((sum, queue) => sum + (queue.number(state) || 0), 0)]))
}

// A bar of what a queue has that is not over, and what has failed.
function bar(queue) {
	const shown = ['running', 'ready', 'scheduled', 'blocked', 'failed']
	const all = shown.reduce((sum, s) => sum + (queue.number(s) || 0), 0)
	let x = 0
	return h('svg', { class: 'bar', viewBox: '0 0 100 4', role: 'img',
		preserveAspectRatio: 'none', 'aria-hidden': 'true' },
	h('rect', { class: 'none', width: 100, height: 4 }),
	all === 0 ? [] : shown.map(state => {
		const width = (queue.number(state) || 0) / all * 100
		const rect = h('rect', { class: state, x: x.toFixed(2),
			width: width.toFixed(2), height: 4 })
		x += width
		return rect
	}))
}

function tile(state, total) {
	return h('li', { class: `${state}${total === 0 ? ' zero' : ''}` },
		h('a', { href: `jobs?state=${listed(state)}` },
			h('b', null, String(total)), ' ', h('span', null, state)))
}

// A small curve of what was seen since the page is open.
function curve(title, latest, values, shade) {
	const most = Math.max(1e-9, ...values)
	const points = values.map((value, i) =>
		`${((i + POINTS - values.length) * 100 / (POINTS - 1)).toFixed(1)},` +
		`${(29 - 27 * value / most).toFixed(1)}`).join(' ')
	return h('figure', { class: shade },
		h('figcaption', null, `${title} `, h('b', null, latest)),
		h('svg', { viewBox: '0 0 100 30', preserveAspectRatio: 'none',
			role: 'img', 'aria-label': `${title}: ${latest}` },
		values.length > 1 && h('polyline', { points })))
}

export class Overview {
	title = 'Overview'
	queues = []
	workers = new Map() // queue -> set of workers
	more = false
	drawn = 0
	seen = [] // { t, over, ready, running }, oldest first

	constructor(place, params, page) {
		this.place = place
		this.page = page
	}

	async refresh() {
		const { verbs } = this.page
		if (!verbs.has('stats')) {
			draw(this.place, h('h1', null, 'Overview'),
				h('p', { class: 'empty' }, 'This store does not count ' +
					'its jobs: see the list of ',
				h('a', { href: 'jobs' }, 'jobs'), '.'), this.server())
			return
		}
		const asked = [ask('stats', {})]
		if (this.drawn++ % EACH === 0)
			asked.push(ask('list', { by: 'running', limit: RUNNING }))
		const [stats, running] = await Promise.all(asked)
		this.queues = stats.lines
		if (running)
			this.takeRunning(running)
		this.take(totals(this.queues))
		this.draw()
	}

	takeRunning({ lines, after }) {
		this.workers.clear()
		this.more = after !== undefined && lines.length >= RUNNING
		for (const job of lines) {
			const queue = job.words('queue')
			if (!this.workers.has(queue))
				this.workers.set(queue, new Set())
			this.workers.get(queue).add(job.inner('held').words('worker'))
		}
	}

	// Jobs that are deleted for their age make totals smaller; that is no
	// negative rate.
	take(total) {
		this.seen.push({ t: performance.now(), ready: total.ready,
			running: total.running, over: total.completed +
			total.failed + total.cancelled })
		this.seen.splice(0, this.seen.length - POINTS - 1)
	}

	rates() {
		return this.seen.slice(1).map((sample, i) => {
			const last = this.seen[i]
			return Math.max(0, sample.over - last.over) * 1000 /
				Math.max(1, sample.t - last.t)
		})
	}

	curves() {
		const rates = this.rates()
		const last = this.seen[this.seen.length - 1]
		const rate = rates[rates.length - 1]
		return h('div', { class: 'curves' },
			curve('finished', rate === undefined ? '–'
				: `${rate < 10 ? rate.toFixed(1) : Math.round(rate)}/s`,
			rates, 'completed'),
			curve('running', String(last.running),
				this.seen.map(sample => sample.running), 'running'),
			curve('ready', String(last.ready),
				this.seen.map(sample => sample.ready), 'ready'))
	}

	head(name) {
		return h('th', { scope: 'col', class: 'num' }, name)
	}

	row(queue) {
		const name = queue.words('queue')
		const link = `jobs?queue=${encodeURIComponent(name)}`
		const paused = instant(queue.words('paused_at'))
		const claimed = instant(queue.words('claimed_at'))
		const oldest = queue.number('oldest_ready')
		const workers = this.workers.get(name)?.size ?? 0
		const isPaused = !Number.isNaN(paused)
		return h('tr', { 'data-key': name, class: isPaused && 'paused' },
			h('th', { scope: 'row' }, h('a', { href: link, 'data-row': true },
				h('bdi', null, visible(name))), bar(queue)),
			STATES.map(state => h('td', { 'data-label': state,
				class: `num ${state}` +
					(queue.number(state) > 0 ? '' : ' zero') },
			queue.number(state) > 0
				? h('a', { href: `${link}&state=${listed(state)}` },
					queue.words(state)) : '0')),
			h('td', { 'data-label': 'oldest', class: 'num',
				title: 'how long the oldest ready job has waited' },
			Number.isNaN(oldest) ? '–' : duration(oldest * 1000)),
			h('td', { 'data-label': 'workers', class: 'num',
				title: Number.isNaN(claimed) ? 'no worker asked yet'
					: `a worker asked ${ago(claimed)}` },
			this.more ? `${workers}+` : String(workers)),
			h('td', { 'data-label': 'asked for', class: 'num' },
				Number.isNaN(claimed) ? 'never' : ago(claimed)),
			h('td', { class: 'do' },
				isPaused && h('span', { class: 'chip paused',
					title: `since ${clock(paused)}` },
				`paused ${duration(now() - paused)}`), ' ',
				this.page.can(isPaused ? 'resume' : 'pause') &&
				h('button', { 'data-do': isPaused ? 'resume' : 'pause',
					'data-queue': name,
					'aria-label': `${isPaused ? 'Resume' : 'Pause'} ` +
						visible(name) },
				isPaused ? 'Resume' : 'Pause')))
	}

	server() {
		const { info } = this.page
		const cannot = info.raw('cannot')
		const sentences = cannot && cannot !== '[]'
			? JSON.parse(cannot).map(text => visible(String(text))) : []
		return h('section', { class: 'server', 'aria-label': 'Server' },
			h('h2', null, 'Server'),
			h('dl', null,
				h('dt', null, 'version'),
				h('dd', null, visible(`${info.words('name')} ` +
					info.words('version'))),
				h('dt', null, 'store'),
				h('dd', null, h('code', null, visible(info.words('store')))),
				h('dt', null, 'adapter'),
				h('dd', null, visible(info.words('adapter'))),
				h('dt', null, 'writes'),
				h('dd', null, this.page.writes ? 'yes'
					: 'no: this page is for reading')),
			sentences.length > 0 && h('details', null,
				h('summary', null, 'What this store cannot do'),
				h('ul', null, sentences.map(text => h('li', null, text)))))
	}

	draw() {
		const total = totals(this.queues)
		const last = this.queues.length
		const oldest = Math.max(...this.queues.map(queue =>
			queue.number('oldest_ready') || 0), 0)
		draw(this.place,
			h('h1', null, 'Overview', h('small', null, [
				count(last, 'queue'),
				oldest > 0 ? `oldest ready for ${duration(oldest * 1000)}`
					: 'nothing is ready',
			].join(' · '))),
			h('ul', { class: 'totals' },
				STATES.map(state => tile(state, total[state]))),
			this.curves(),
			last === 0 ? h('p', { class: 'empty' }, 'There are no queues ' +
				'yet. Queues come with their first job: ',
			h('code', null, 'jobq-push --name hello --input 1'))
				: h('table', { class: 'cards queues' },
					h('thead', null, h('tr', null,
						h('th', { scope: 'col' }, 'queue'),
						STATES.map(state => this.head(state)),
						this.head('oldest'), this.head('workers'),
						this.head('asked for'),
						h('th', { scope: 'col' }))),
					h('tbody', null,
						this.queues.map(queue => this.row(queue)))),
			this.server())
	}

	async do(what, button) {
		if (await pause(button.dataset.queue, what === 'resume'))
			await this.refresh()
	}
}
