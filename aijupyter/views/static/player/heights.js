// How tall each row is: guessed from its length until it is seen, then known. Where each begins follows.

class Heights {
  constructor(rows) {
    this.rows = rows;
    this.tall = new Float64Array(rows.length);
    this.known = new Uint8Array(rows.length);
    this.tops = new Float64Array(rows.length + 1);
    this.stale = true;
  }

  /** Guess anew, for another width: so many characters fit into a line of text. */
  guess(characters, line, rest) {
    this.known.fill(0);
    this.rows.forEach(({ from, to }, row) => {
      this.tall[row] = rest + line * Math.max(1, Math.ceil((to - from) / characters));
    });
    this.stale = true;
  }

  /** A row was seen to be so tall; returns by how much the guess was wrong. */
  learn(row, height) {
    const wrong = height - this.tall[row];
    this.known[row] = 1;
    if (Math.abs(wrong) < 0.5) return 0;
    this.tall[row] = height;
    this.stale = true;
    return wrong;
  }

  _sum() {
    if (!this.stale) return;
    for (let row = 0; row < this.tall.length; row += 1) this.tops[row + 1] = this.tops[row] + this.tall[row];
    this.stale = false;
  }

  top(row) {
    this._sum();
    return this.tops[row];
  }

  get total() {
    this._sum();
    return this.tops[this.tall.length];
  }

  /** The row that is at a height. */
  at(top) {
    this._sum();
    let [low, high] = [0, this.tall.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.tops[middle + 1] <= top) low = middle + 1;
      else high = middle;
    }
    return Math.min(low, Math.max(0, this.tall.length - 1));
  }
}
