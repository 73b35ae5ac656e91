(function () {
  'use strict';
  const byId = id => document.getElementById(id);
  const tip = byId('tip');

  // The one note that floats: over charts, and over samples of the latent space.
  function show(text, x, y) {
    tip.textContent = text;
    tip.hidden = false;
    const box = tip.getBoundingClientRect();
    const left = x + 14 + box.width > innerWidth - 4 ? x - 14 - box.width : x + 14;
    tip.style.left = Math.max(4, left) + 'px';
    tip.style.top = Math.max(4, Math.min(y + 14, innerHeight - box.height - 4)) + 'px';
  }
  function hide() { tip.hidden = true; }

  document.addEventListener('pointermove', event => {
    const text = event.target.getAttribute && event.target.getAttribute('data-tip');
    if (text) show(text, event.clientX, event.clientY);
    else if (!event.target.closest || !event.target.closest('.chart, canvas')) hide();
  });
  addEventListener('scroll', hide, { passive: true });
  addEventListener('keydown', event => { if (event.key === 'Escape') hide(); });
  // With the keyboard: arrows go through a chart's strips.
  for (const chart of document.querySelectorAll('.chart[tabindex]')) {
    const strips = [...chart.querySelectorAll('.hint')];
    let at = -1;
    const choose = k => {
      if (strips[at]) strips[at].classList.remove('chosen');
      at = Math.max(0, Math.min(strips.length - 1, k));
      strips[at].classList.add('chosen');
      const box = strips[at].getBoundingClientRect();
      show(strips[at].getAttribute('data-tip'), box.right, box.top);
    };
    chart.addEventListener('keydown', event => {
      const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (!step) return;
      event.preventDefault();
      choose(at + step);
    });
    chart.addEventListener('pointerleave', hide);
    chart.addEventListener('blur', () => { if (strips[at]) strips[at].classList.remove('chosen'); at = -1; hide(); });
  }

  const source = byId('latent-data');
  if (source) latent(JSON.parse(source.textContent));
  document.documentElement.dataset.ready = 'yes';

  function latent(data) {
    const buffer = text => Uint8Array.from(atob(text), c => c.charCodeAt(0)).buffer;
    const rows = new Uint32Array(buffer(data.rows));
    const columns = data.columns.map(c => ({ ...c, values: new Float32Array(buffer(c.values)) }));
    const classes = data.classes.map(c => ({ ...c, values: new Uint16Array(buffer(c.values)) }));
    // Where there is but one dimension, samples are spread out upwards: by the golden ratio, which leaves no gaps.
    const spread = { name: '', values: Float32Array.from(rows, (_, k) => (k * 0.6180339887498949) % 1) };
    const box = byId('latent-plot'), canvas = byId('latent-canvas'), note = byId('latent-note'), legend = byId('latent-legend');
    const pen = canvas.getContext('2d');
    const select = { x: byId('latent-x'), y: byId('latent-y'), colour: byId('latent-colour') };
    box.hidden = false;
    const latentAxes = columns.filter(c => c.direction).length;
    select.x.value = '0';
    select.y.value = latentAxes > 1 ? '1' : '-1';
    select.colour.selectedIndex = 0;

    const margin = { left: 58, right: 12, top: 10, bottom: 46 };
    let x, y, paint, whole, view, solo = null, chosen = -1, drag = null, size = { w: 0, h: 0 };

    function number(value, digits = 4) {
      if (!Number.isFinite(value)) return '–';
      const short = Number(value.toPrecision(digits));
      const text = short !== 0 && (Math.abs(short) < 1e-4 || Math.abs(short) >= 1e6) ? short.toExponential() : String(short);
      return text.replace('-', '−');
    }
    function ends(values, cut) {
      const sorted = values.filter(Number.isFinite).sort();
      if (!sorted.length) return [0, 1];
      const k = Math.floor(sorted.length * cut);
      return [sorted[k], sorted[sorted.length - 1 - k]];
    }
    function widened([a, b], share) {
      if (!(b > a)) return a === 0 ? [-1, 1] : [a - 0.05 * Math.abs(a), a + 0.05 * Math.abs(a)];
      return [a - share * (b - a), b + share * (b - a)];
    }

    // The two-sigma ellipse of a cluster in the plane of the axes, which are directions in latent space.
    function ellipse(c) {
      const dot = (a, b) => data.clusters[c].var.reduce((sum, v, j) => sum + a[j] * b[j] * v, 0);
      const a = Math.sqrt(Math.max(0, dot(x.direction, x.direction)));
      const b = a > 0 ? dot(x.direction, y.direction) / a : 0;
      const d = Math.sqrt(Math.max(0, dot(y.direction, y.direction) - b * b));
      return Array.from({ length: 73 }, (_, k) => {
        const t = 2 * Math.PI * k / 72;
        return [x.means[c] + 2 * a * Math.cos(t), y.means[c] + 2 * (b * Math.cos(t) + d * Math.sin(t))];
      });
    }

    function choose() {
      x = columns[select.x.value];
      y = select.y.value === '-1' ? spread : columns[select.y.value];
      x.cut = x.cut || ends(x.values, 0.001);
      y.cut = y.cut || ends(y.values, 0.001);
      const range = [[...x.cut], [...y.cut]];
      if (x.direction && y.direction) {
        data.clusters.forEach((cluster, c) => {
          if (!cluster.members) return;
          for (const point of ellipse(c)) {
            for (const j of [0, 1]) {
              range[j][0] = Math.min(range[j][0], point[j]);
              range[j][1] = Math.max(range[j][1], point[j]);
            }
          }
        });
      }
      whole = { x: widened(range[0], 0.04), y: widened(range[1], 0.04) };
      view = { x: [...whole.x], y: [...whole.y] };
      chosen = -1;
      hide();
      draw();
    }

    function colours() {
      const [kind, at] = select.colour.value.split(' ');
      const style = getComputedStyle(document.documentElement);
      const variable = name => style.getPropertyValue(name).trim();
      const base = { ink: variable('--ink'), page: variable('--page'), muted: variable('--muted'), grid: variable('--grid'), line: variable('--line') };
      if (kind === 'class') {
        const own = classes[at];
        const palette = Array.from({ length: 10 }, (_, k) => variable('--c' + k));
        paint = { ...base, own, groups: own.names.length, group: k => own.values[k] === 65535 ? own.names.length : own.values[k],
          style: g => g === own.names.length ? base.muted : palette[g % 10], shape: g => Math.floor(g / 10) % 3,
          say: k => own.values[k] === 65535 ? 'unknown' : own.names[own.values[k]] };
      } else {
        const own = columns[at];
        own.range = own.range || ends(own.values, 0.01);
        const stops = Array.from({ length: 5 }, (_, k) => variable('--a' + k)).map(hex => [1, 3, 5].map(i => parseInt(hex.slice(i, i + 2), 16)));
        const mixed = share => {
          const place = Math.min(3.999, share * 4), k = Math.floor(place), t = place - k;
          return 'rgb(' + stops[k].map((v, j) => Math.round(v + t * (stops[k + 1][j] - v))).join(',') + ')';
        };
        const [low, high] = own.range, steps = 48;
        const share = v => high > low ? Math.max(0, Math.min(1, (v - low) / (high - low))) : 0.5;
        paint = { ...base, own, groups: steps, group: k => Number.isFinite(own.values[k]) ? Math.min(steps - 1, Math.floor(share(own.values[k]) * steps)) : steps,
          style: g => g === steps ? base.line : mixed((g + 0.5) / steps), shape: () => 0, say: k => number(own.values[k]) };
      }
    }

    function key() {
      legend.textContent = '';
      const add = (parent, tag, text, name) => {
        const element = document.createElement(tag);
        if (text !== undefined) element.textContent = text;
        if (name) element.className = name;
        parent.append(element);
        return element;
      };
      add(legend, 'h4', select.colour.selectedOptions[0].textContent);
      if (!paint.own.names) {
        add(legend, 'div', '', 'ramp');
        const row = add(legend, 'div', undefined, 'ends');
        add(row, 'span', number(paint.own.range[0], 3));
        add(row, 'span', number(paint.own.range[1], 3));
        return;
      }
      paint.own.names.forEach((name, g) => {
        if (!paint.own.counts[g]) return;
        const button = add(legend, 'button');
        button.type = 'button';
        button.setAttribute('aria-pressed', String(solo === g));
        button.title = 'show this one alone, or all again';
        const mark = ['<circle cx="6" cy="6" r="5"/>', '<rect x="1.5" y="1.5" width="9" height="9"/>', '<path d="M6 0.5L11.5 10.5H0.5Z"/>'][paint.shape(g)];
        const swatch = add(button, 'span');
        swatch.innerHTML = '<svg width="12" height="12" aria-hidden="true">' + mark + '</svg>';
        swatch.firstChild.style.fill = 'var(--c' + (g % 10) + ')';
        add(button, 'span', name);
        add(button, 'span', paint.own.counts[g], 'count');
        button.addEventListener('click', () => { solo = solo === g ? null : g; key(); draw(); });
      });
    }

    const across = v => margin.left + (v - view.x[0]) / (view.x[1] - view.x[0]) * (size.w - margin.left - margin.right);
    const up = v => size.h - margin.bottom - (v - view.y[0]) / (view.y[1] - view.y[0]) * (size.h - margin.top - margin.bottom);

    function ticks([low, high], count) {
      const raw = (high - low) / count, power = Math.pow(10, Math.floor(Math.log10(raw)));
      const step = [1, 2, 5, 10].map(m => m * power).find(s => s >= raw) || raw;
      const found = [];
      for (let k = Math.ceil(low / step); k * step <= high; k++) found.push(k * step);
      // All names of an axis have the digits that its step needs.
      const digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
      const plain = digits < 6 && Math.max(Math.abs(low), Math.abs(high)) < 1e6;
      return found.map(v => Math.abs(v) < step / 1e6 ? 0 : v).map(v => [v, plain ? v.toFixed(digits).replace('-', '−') : number(v)]);
    }

    function draw() {
      colours();
      const rect = canvas.getBoundingClientRect(), scale = devicePixelRatio || 1;
      size = { w: rect.width, h: rect.height };
      if (!size.w) return;
      if (canvas.width !== Math.round(size.w * scale) || canvas.height !== Math.round(size.h * scale)) {
        canvas.width = Math.round(size.w * scale);
        canvas.height = Math.round(size.h * scale);
      }
      pen.setTransform(scale, 0, 0, scale, 0, 0);
      pen.clearRect(0, 0, size.w, size.h);
      const right = size.w - margin.right, bottom = size.h - margin.bottom;
      const font = getComputedStyle(document.body).fontFamily;
      pen.font = '12px ' + font;
      pen.lineWidth = 1;
      pen.strokeStyle = paint.grid;
      pen.fillStyle = paint.muted;
      pen.textAlign = 'center';
      pen.textBaseline = 'top';
      pen.beginPath();
      for (const [v, name] of ticks(view.x, Math.max(2, size.w / 100))) {
        pen.moveTo(across(v), margin.top);
        pen.lineTo(across(v), bottom);
        pen.fillText(name, across(v), bottom + 6);
      }
      pen.textAlign = 'right';
      pen.textBaseline = 'middle';
      for (const [v, name] of y === spread ? [] : ticks(view.y, Math.max(2, size.h / 80))) {
        pen.moveTo(margin.left, up(v));
        pen.lineTo(right, up(v));
        pen.fillText(name, margin.left - 6, up(v));
      }
      pen.stroke();
      pen.fillStyle = paint.ink;
      pen.textAlign = 'center';
      pen.textBaseline = 'bottom';
      pen.fillText(x.name, (margin.left + right) / 2, size.h - 4);
      pen.save();
      pen.translate(12, (margin.top + bottom) / 2);
      pen.rotate(-Math.PI / 2);
      pen.textBaseline = 'middle';
      pen.fillText(y.name, 0, 0);
      pen.restore();
      pen.save();
      pen.beginPath();
      pen.rect(margin.left, margin.top, right - margin.left, bottom - margin.top);
      pen.clip();
      const outside = points();
      if (x.direction && y.direction) ellipses();
      if (chosen >= 0) {
        pen.globalAlpha = 1;
        pen.lineWidth = 2;
        pen.strokeStyle = paint.ink;
        pen.beginPath();
        pen.arc(across(x.values[chosen]), up(y.values[chosen]), 8, 0, 7);
        pen.stroke();
      }
      pen.restore();
      pen.globalAlpha = 1;
      pen.lineWidth = 1;
      pen.strokeStyle = paint.line;
      pen.strokeRect(margin.left, margin.top, right - margin.left, bottom - margin.top);
      note.textContent = outside ? outside + (outside === 1 ? ' sample lies' : ' samples lie') + ' outside the frame: zoom out or drag to see more.' : '';
    }

    // Drawn as the file has them, which is a shuffled order, so that no class covers another; gives how many are outside.
    function points() {
      const n = data.n, radius = n < 300 ? 4.5 : n < 1500 ? 3.6 : n < 4000 ? 2.8 : 2.2;
      const alpha = n < 300 ? 0.85 : n < 1500 ? 0.7 : n < 4000 ? 0.6 : 0.5;
      let outside = 0;
      for (let k = 0; k < n; k++) {
        const px = across(x.values[k]), py = up(y.values[k]);
        if (!Number.isFinite(px) || !Number.isFinite(py)) continue;
        if (px < margin.left || px > size.w - margin.right || py < margin.top || py > size.h - margin.bottom) { outside++; continue; }
        const g = paint.group(k);
        pen.globalAlpha = solo === null || g === solo ? alpha : 0.06;
        pen.fillStyle = paint.style(g);
        pen.beginPath();
        const shape = paint.shape(g);
        if (shape === 1) pen.rect(px - radius * 0.89, py - radius * 0.89, radius * 1.78, radius * 1.78);
        else if (shape === 2) { pen.moveTo(px, py - radius * 1.3); pen.lineTo(px + radius * 1.1, py + radius * 0.75); pen.lineTo(px - radius * 1.1, py + radius * 0.75); }
        else pen.arc(px, py, radius, 0, 7);
        pen.fill();
      }
      return outside;
    }

    function ellipses() {
      pen.globalAlpha = 1;
      const plates = [];
      pen.font = '600 12px ' + getComputedStyle(document.body).fontFamily;
      data.clusters.forEach((cluster, c) => {
        const outline = ellipse(c).map(([a, b]) => [across(a), up(b)]);
        pen.setLineDash(cluster.members ? [] : [6, 5]);
        for (const [width, style] of [[3.4, paint.page], [1.6, paint.ink]]) {
          pen.lineWidth = width;
          pen.strokeStyle = style;
          pen.beginPath();
          outline.forEach(([a, b], k) => k ? pen.lineTo(a, b) : pen.moveTo(a, b));
          pen.stroke();
        }
        const top = Math.min(...outline.map(p => p[1])), low = Math.max(...outline.map(p => p[1]));
        plates.push({ name: cluster.name, x: across(x.means[c]), y: up(y.means[c]), top, low });
      });
      pen.setLineDash([]);
      pen.textAlign = 'center';
      pen.textBaseline = 'middle';
      const taken = [];
      for (const plate of plates) {
        if (plate.x < margin.left || plate.x > size.w - margin.right || plate.y < margin.top || plate.y > size.h - margin.bottom) continue;
        const half = pen.measureText(plate.name).width / 2 + 4;
        const inside = plate.low - plate.top > 44 && data.n >= 1000 ? [plate.y] : [];
        const place = [...inside, plate.top - 11, plate.low + 11, plate.top - 30, plate.low + 30].find(at =>
          at > margin.top + 8 && at < size.h - margin.bottom - 8 && taken.every(t => Math.abs(t.y - at) > 17 || Math.abs(t.x - plate.x) > t.half + half));
        if (place === undefined) continue;
        taken.push({ x: plate.x, y: place, half });
        pen.fillStyle = paint.page;
        pen.globalAlpha = 0.85;
        pen.fillRect(plate.x - half, place - 9, 2 * half, 18);
        pen.globalAlpha = 1;
        pen.fillStyle = paint.ink;
        pen.fillText(plate.name, plate.x, place);
      }
    }

    function words(k) {
      const lines = [data.names.length ? 'sample ' + data.names[k] : 'test sample ' + rows[k]];
      for (const c of classes) if (c.values[k] !== 65535 && (c.name === 'label' || c.name === 'cluster')) lines.push(c.name + ' ' + c.names[c.values[k]]);
      for (const c of [x, y]) if (c.name) lines.push(c.name + ': ' + number(c.values[k]));
      const colour = select.colour.selectedOptions[0].textContent;
      if (colour !== 'label' && colour !== 'cluster') lines.push(colour + ': ' + paint.say(k));
      return lines.join('\n');
    }
    function point(k) {
      chosen = k;
      draw();
      if (k < 0) return hide();
      const rect = canvas.getBoundingClientRect();
      show(words(k), rect.left + across(x.values[k]), rect.top + up(y.values[k]));
    }
    function nearest(px, py, within, fits = () => true) {
      let best = -1, least = within * within;
      for (let k = 0; k < data.n; k++) {
        if (solo !== null && paint.group(k) !== solo) continue;
        const dx = across(x.values[k]) - px, dy = up(y.values[k]) - py, d = dx * dx + dy * dy;
        if (d < least && fits(dx, dy, k)) { best = k; least = d; }
      }
      return best;
    }
    function zoom(factor, px = (size.w + margin.left) / 2, py = (size.h - margin.bottom) / 2) {
      const a = (px - margin.left) / (size.w - margin.left - margin.right), b = (size.h - margin.bottom - py) / (size.h - margin.top - margin.bottom);
      for (const [range, share] of [[view.x, a], [view.y, b]]) {
        const centre = range[0] + share * (range[1] - range[0]), width = (range[1] - range[0]) * factor;
        range[0] = centre - share * width;
        range[1] = range[0] + width;
      }
      hide();
      draw();
    }
    function reset() { view = { x: [...whole.x], y: [...whole.y] }; hide(); draw(); }

    canvas.addEventListener('pointermove', event => {
      const rect = canvas.getBoundingClientRect(), px = event.clientX - rect.left, py = event.clientY - rect.top;
      if (drag && event.pointerType === 'mouse') {
        const dx = (px - drag.x) / (size.w - margin.left - margin.right) * (view.x[1] - view.x[0]);
        const dy = (py - drag.y) / (size.h - margin.top - margin.bottom) * (view.y[1] - view.y[0]);
        view = { x: [view.x[0] - dx, view.x[1] - dx], y: [view.y[0] + dy, view.y[1] + dy] };
        drag = { x: px, y: py };
        hide();
        return draw();
      }
      const k = nearest(px, py, 14);
      if (k !== chosen) point(k);
    });
    canvas.addEventListener('pointerdown', event => {
      const rect = canvas.getBoundingClientRect();
      drag = { x: event.clientX - rect.left, y: event.clientY - rect.top };
      if (event.pointerType === 'mouse') canvas.setPointerCapture(event.pointerId);
      else point(nearest(drag.x, drag.y, 24));
    });
    canvas.addEventListener('pointerup', () => { drag = null; });
    canvas.addEventListener('pointercancel', () => { drag = null; });
    canvas.addEventListener('pointerleave', () => { if (!drag) point(-1); });
    canvas.addEventListener('blur', () => point(-1));
    canvas.addEventListener('wheel', event => {
      // A plain turn of the wheel belongs to the page.
      if (!event.ctrlKey && !event.metaKey) return;
      event.preventDefault();
      const rect = canvas.getBoundingClientRect();
      zoom(Math.exp(event.deltaY / 300), event.clientX - rect.left, event.clientY - rect.top);
    }, { passive: false });
    canvas.addEventListener('keydown', event => {
      const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
      if (way) {
        const from = chosen >= 0 ? [across(x.values[chosen]), up(y.values[chosen])] : [(margin.left + size.w) / 2, size.h / 2];
        const ahead = (dx, dy, k) => k !== chosen && dx * way[0] + dy * way[1] > Math.abs(dx * way[1] + dy * way[0]);
        const k = chosen >= 0 ? nearest(from[0], from[1], 1e9, ahead) : nearest(from[0], from[1], 1e9);
        if (k >= 0) point(k);
      } else if (event.key === '+' || event.key === '=') zoom(0.7);
      else if (event.key === '-') zoom(1 / 0.7);
      else if (event.key === '0') reset();
      else if (event.key === 'Escape') point(-1);
      else return;
      event.preventDefault();
    });
    byId('latent-in').addEventListener('click', () => zoom(0.7));
    byId('latent-out').addEventListener('click', () => zoom(1 / 0.7));
    byId('latent-reset').addEventListener('click', reset);
    select.x.addEventListener('change', choose);
    select.y.addEventListener('change', choose);
    select.colour.addEventListener('change', () => { solo = null; colours(); key(); draw(); });
    new ResizeObserver(draw).observe(canvas);
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', draw);
    matchMedia('print').addEventListener('change', draw);
    choose();
    key();
  }
})();
