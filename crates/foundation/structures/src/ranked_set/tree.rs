//! A B+ tree that counts: an ordered set of keys with rank and selection.
//!
//! Order-statistic trees are in Cormen et al., "Introduction to algorithms", chapter "Augmenting
//! data structures"; here the nodes are those of a B+ tree. Keys are in leaves of up to 64, and an
//! inner node has up to 64 children, how many keys lie below each, and the keys that separate them.
//! So a rank is the sum of some counts on the way down, and a selection is a descent by counts.
//!
//! Invariants: a separator is above all keys of the child before it and not above any of the child
//! after it; a count is the number of keys below a child; all leaves have one depth; after a
//! removal no node but the root is filled to less than a quarter.
//!
//! Leaves that keys were appended to stay full, since then only the last one is split. At random
//! they are filled to about 70 %.

use std::ops::Range;
use std::slice;

/// Most keys of a leaf and children of an inner node.
const NODE_MAX: usize = 64;
/// A node with fewer than this is evened out with its neighbour.
const NODE_MIN: usize = NODE_MAX / 4;

/// An ordered set of keys.
#[derive(Debug, Clone)]
pub struct RankTree<K> {
    root: Node<K>,
    len: usize,
}

#[derive(Debug, Clone)]
enum Node<K> {
    Leaf(Vec<K>),
    Inner(Box<Inner<K>>),
}

#[derive(Debug, Clone)]
struct Inner<K> {
    /// One less than children.
    separators: Vec<K>,
    counts: Vec<usize>,
    children: Vec<Node<K>>,
}

/// What an insertion made of a node.
enum Inserted<K> {
    /// Nothing: the key is there already.
    Not,
    /// One key more.
    One,
    /// One key more, and a new node beside it, with the key that separates the two.
    Split(K, Node<K>),
}

impl<K> Default for RankTree<K> {
    fn default() -> Self {
        Self { root: Node::Leaf(Vec::new()), len: 0 }
    }
}

impl<K: Ord + Clone> RankTree<K> {
    /// A set of keys in strictly ascending order, as densely packed as can be; none if they are not
    /// in that order. O(n).
    #[must_use]
    pub fn from_sorted(keys: Vec<K>) -> Option<Self> {
        if !keys.is_sorted_by(|one, next| one < next) {
            return None;
        }
        let len = keys.len();
        let mut keys = keys.into_iter();
        let mut nodes: Vec<(K, usize, Node<K>)> = Vec::with_capacity(len.div_ceil(NODE_MAX));
        loop {
            let leaf: Vec<K> = keys.by_ref().take(NODE_MAX).collect();
            let Some(first) = leaf.first().cloned() else { break };
            nodes.push((first, leaf.len(), Node::Leaf(leaf)));
        }
        while nodes.len() > 1 {
            nodes = level_above(nodes);
        }
        let root = nodes.pop().map_or(Node::Leaf(Vec::new()), |(_, _, root)| root);
        Some(Self { root, len })
    }

    /// Puts a key in; false if it is there already.
    pub fn insert(&mut self, key: K) -> bool {
        match self.root.insert(key) {
            Inserted::Not => return false,
            Inserted::One => {}
            Inserted::Split(separator, right) => {
                let left = std::mem::replace(&mut self.root, Node::Leaf(Vec::new()));
                let counts = vec![left.count(), right.count()];
                let (separators, children) = (vec![separator], vec![left, right]);
                self.root = Node::Inner(Box::new(Inner { separators, counts, children }));
            }
        }
        self.len += 1;
        true
    }

    /// Takes a key out; false if it is not there.
    pub fn remove(&mut self, key: &K) -> bool {
        if !self.root.remove(key) {
            return false;
        }
        self.len -= 1;
        // A root with one child is one level too many.
        if let Node::Inner(inner) = &mut self.root
            && inner.children.len() == 1
            && let Some(child) = inner.children.pop()
        {
            self.root = child;
        }
        true
    }

    /// Whether a key is there.
    #[must_use]
    pub fn contains(&self, key: &K) -> bool {
        let mut node = &self.root;
        loop {
            match node {
                Node::Leaf(keys) => return keys.binary_search(key).is_ok(),
                Node::Inner(inner) => node = &inner.children[inner.child_of(key)],
            }
        }
    }

    /// How many keys are below this one, which need not be there.
    #[must_use]
    pub fn rank(&self, key: &K) -> usize {
        self.rank_where(|other| other < key)
    }

    /// How many keys come before the first for which `is_before` is false. It must be true for the
    /// first keys in order and false for all others.
    pub fn rank_where(&self, is_before: impl Fn(&K) -> bool) -> usize {
        let (mut node, mut rank) = (&self.root, 0);
        loop {
            match node {
                Node::Leaf(keys) => return rank + partition_point(keys, is_before),
                Node::Inner(inner) => {
                    let child = partition_point(&inner.separators, &is_before);
                    rank += inner.counts[..child].iter().sum::<usize>();
                    node = &inner.children[child];
                }
            }
        }
    }

    /// The key of a rank, the lowest having rank 0.
    #[must_use]
    pub fn select(&self, rank: usize) -> Option<&K> {
        let (leaf, place) = self.leaf_of(rank)?;
        leaf.get(place)
    }

    /// The keys of these ranks, in order from either end; what is past the end is left out.
    pub fn range(&self, ranks: Range<usize>) -> Keys<'_, K> {
        let end = ranks.end.min(self.len);
        let (front, back) = ([].iter(), [].iter());
        Keys { tree: self, ranks: ranks.start.min(end)..end, front, back }
    }

    /// All keys, in order from either end.
    pub fn iter(&self) -> Keys<'_, K> {
        self.range(0..self.len)
    }

    /// How many keys there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Bytes of memory that it takes, what the allocator adds left out. O(n).
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        self.root.memory_bytes()
    }

    /// The leaf with the key of a rank, and its place there.
    fn leaf_of(&self, rank: usize) -> Option<(&[K], usize)> {
        if rank >= self.len {
            return None;
        }
        let (mut node, mut rank) = (&self.root, rank);
        loop {
            match node {
                Node::Leaf(keys) => return Some((keys, rank)),
                Node::Inner(inner) => {
                    let mut child = 0;
                    while rank >= inner.counts[child] {
                        rank -= inner.counts[child];
                        child += 1;
                    }
                    node = &inner.children[child];
                }
            }
        }
    }
}

/// What a slice's own does, for keys that are seldom in a cache: every eighth is looked at, which
/// the processor fetches all at once, where the steps of a binary search wait for each other. For
/// ranks at random among a million it is faster by a third.
fn partition_point<K>(keys: &[K], is_before: impl Fn(&K) -> bool) -> usize {
    const STRIDE: usize = 8;
    let ends = keys.iter().skip(STRIDE - 1).step_by(STRIDE);
    let start = ends.filter(|key| is_before(key)).count() * STRIDE;
    let end = keys.len().min(start + STRIDE);
    start + keys[start..end].partition_point(is_before)
}

/// Parents of nodes in order, each with the first key below it and the number of keys.
fn level_above<K: Clone>(nodes: Vec<(K, usize, Node<K>)>) -> Vec<(K, usize, Node<K>)> {
    let mut parents = Vec::with_capacity(nodes.len().div_ceil(NODE_MAX));
    let mut nodes = nodes.into_iter();
    while let Some((first, count, child)) = nodes.next() {
        let (mut separators, mut counts, mut children) = (Vec::new(), vec![count], vec![child]);
        for (key, count, child) in nodes.by_ref().take(NODE_MAX - 1) {
            separators.push(key);
            counts.push(count);
            children.push(child);
        }
        let below = counts.iter().sum();
        parents.push((first, below, Node::Inner(Box::new(Inner { separators, counts, children }))));
    }
    parents
}

impl<K> Node<K> {
    /// Keys below it.
    fn count(&self) -> usize {
        match self {
            Self::Leaf(keys) => keys.len(),
            Self::Inner(inner) => inner.counts.iter().sum(),
        }
    }

    /// Keys or children in it.
    fn size(&self) -> usize {
        match self {
            Self::Leaf(keys) => keys.len(),
            Self::Inner(inner) => inner.children.len(),
        }
    }

    fn memory_bytes(&self) -> usize {
        match self {
            Self::Leaf(keys) => keys.capacity() * size_of::<K>(),
            Self::Inner(inner) => {
                size_of::<Inner<K>>()
                    + inner.separators.capacity() * size_of::<K>()
                    + inner.counts.capacity() * size_of::<usize>()
                    + inner.children.capacity() * size_of::<Self>()
                    + inner.children.iter().map(Self::memory_bytes).sum::<usize>()
            }
        }
    }
}

impl<K: Ord + Clone> Node<K> {
    fn insert(&mut self, key: K) -> Inserted<K> {
        let keys = match self {
            Self::Leaf(keys) => keys,
            Self::Inner(inner) => return inner.insert(key),
        };
        let Err(place) = keys.binary_search(&key) else { return Inserted::Not };
        if keys.len() < NODE_MAX {
            keys.insert(place, key);
            return Inserted::One;
        }
        if place == keys.len() {
            // Keys that come in order leave full leaves behind.
            return Inserted::Split(key.clone(), Self::Leaf(vec![key]));
        }
        keys.insert(place, key);
        let (separator, right) = self.split();
        Inserted::Split(separator, right)
    }

    fn remove(&mut self, key: &K) -> bool {
        match self {
            Self::Leaf(keys) => {
                let place = keys.binary_search(key);
                place.is_ok_and(|place| {
                    keys.remove(place);
                    true
                })
            }
            Self::Inner(inner) => {
                let child = inner.child_of(key);
                let removed = inner.children[child].remove(key);
                if removed {
                    inner.counts[child] -= 1;
                    if inner.children[child].size() < NODE_MIN {
                        inner.even_out(child);
                    }
                }
                removed
            }
        }
    }

    /// Cuts a node of two or more in the middle; the upper half, and the key that separates them.
    fn split(&mut self) -> (K, Self) {
        match self {
            Self::Leaf(keys) => {
                let upper = keys.split_off(keys.len() / 2);
                (upper[0].clone(), Self::Leaf(upper))
            }
            Self::Inner(inner) => {
                let (separator, right) = inner.split();
                (separator, Self::Inner(Box::new(right)))
            }
        }
    }

    /// Appends the node after it, of the same level; `separator` is between them.
    fn append(&mut self, separator: K, next: Self) {
        match (self, next) {
            (Self::Leaf(keys), Self::Leaf(mut more)) => keys.append(&mut more),
            (Self::Inner(inner), Self::Inner(mut more)) => {
                inner.separators.push(separator);
                inner.separators.append(&mut more.separators);
                inner.counts.append(&mut more.counts);
                inner.children.append(&mut more.children);
            }
            // All leaves have one depth, so neighbours are alike.
            (Self::Leaf(_), Self::Inner(_)) | (Self::Inner(_), Self::Leaf(_)) => {}
        }
    }
}

impl<K: Ord + Clone> Inner<K> {
    /// The child that has a key, or would have it.
    fn child_of(&self, key: &K) -> usize {
        self.separators.partition_point(|separator| separator <= key)
    }

    fn insert(&mut self, key: K) -> Inserted<K> {
        let child = self.child_of(&key);
        match self.children[child].insert(key) {
            Inserted::Not => return Inserted::Not,
            Inserted::One => self.counts[child] += 1,
            Inserted::Split(separator, right) => {
                let moved = right.count();
                self.counts[child] = self.counts[child] + 1 - moved;
                self.put(child + 1, separator, moved, right);
            }
        }
        if self.children.len() <= NODE_MAX {
            return Inserted::One;
        }
        let (separator, right) = self.split();
        Inserted::Split(separator, Node::Inner(Box::new(right)))
    }

    /// Cuts it in the middle; the upper half, and the key that separates them.
    fn split(&mut self) -> (K, Self) {
        let middle = self.children.len() / 2;
        let children = self.children.split_off(middle);
        let counts = self.counts.split_off(middle);
        let separators = self.separators.split_off(middle);
        (self.separators.remove(middle - 1), Self { separators, counts, children })
    }

    /// Puts a child in its place, which is not the first.
    fn put(&mut self, place: usize, separator: K, count: usize, child: Node<K>) {
        self.separators.insert(place - 1, separator);
        self.counts.insert(place, count);
        self.children.insert(place, child);
    }

    /// Joins a child that has become small with its neighbour, and parts them in the middle if they
    /// are too large for one.
    fn even_out(&mut self, child: usize) {
        if self.children.len() == 1 {
            return;
        }
        let left = child.saturating_sub(1);
        let separator = self.separators.remove(left);
        let right = self.children.remove(left + 1);
        let both = self.counts[left] + self.counts.remove(left + 1);
        self.children[left].append(separator, right);
        self.counts[left] = both;
        if self.children[left].size() > NODE_MAX {
            let (separator, right) = self.children[left].split();
            let moved = right.count();
            self.counts[left] = both - moved;
            self.put(left + 1, separator, moved, right);
        }
    }
}

/// Keys of a range of ranks, in order. Made by [`RankTree::range`].
///
/// It holds what is left of the leaf at either end and finds the next leaf by rank, so a step is
/// O(1) but for one in up to 64.
#[derive(Debug, Clone)]
pub struct Keys<'t, K> {
    tree: &'t RankTree<K>,
    /// What has not been returned.
    ranks: Range<usize>,
    /// From the first of these ranks on; perhaps past the last.
    front: slice::Iter<'t, K>,
    /// Up to the last of these ranks; perhaps from before the first.
    back: slice::Iter<'t, K>,
}

impl<'t, K: Ord + Clone> Iterator for Keys<'t, K> {
    type Item = &'t K;

    fn next(&mut self) -> Option<&'t K> {
        let rank = self.ranks.next()?;
        if let Some(key) = self.front.next() {
            return Some(key);
        }
        let (leaf, place) = self.tree.leaf_of(rank)?;
        self.front = leaf[place..].iter();
        self.front.next()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.ranks.size_hint()
    }

    /// Leaf by leaf: what `for_each`, `map` and the like come down to.
    fn fold<A, F: FnMut(A, &'t K) -> A>(mut self, first: A, mut step: F) -> A {
        let mut folded = first;
        while let Some(key) = self.next() {
            folded = step(folded, key);
            let count = self.front.len().min(self.ranks.len());
            folded = self.front.as_slice()[..count].iter().fold(folded, &mut step);
            self.front = [].iter();
            self.ranks.start += count;
        }
        folded
    }
}

impl<'t, K: Ord + Clone> DoubleEndedIterator for Keys<'t, K> {
    fn next_back(&mut self) -> Option<&'t K> {
        let rank = self.ranks.next_back()?;
        if let Some(key) = self.back.next_back() {
            return Some(key);
        }
        let (leaf, place) = self.tree.leaf_of(rank)?;
        self.back = leaf[..=place].iter();
        self.back.next_back()
    }
}

impl<K: Ord + Clone> ExactSizeIterator for Keys<'_, K> {}

#[cfg(test)]
mod tests;
