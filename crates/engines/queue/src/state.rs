//! What the broker knows beside batches: topics, committed offsets, ids of producers. Made of
//! [`Change`]s, which the journal keeps in their order.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::log::{Log, Stored};
use crate::partition::Partition;
use crate::topic::Config;
use crate::transaction::{Step, Transactional, Transactions};

/// A topic and a partition's number in it.
pub type TopicPartition = (String, i32);

/// What happened, as the journal has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Change {
    /// A topic was made.
    TopicCreated {
        /// Its name.
        name: String,
        /// A number that no other topic has or had.
        id: u128,
        /// Of its partitions, in their order.
        streams: Vec<u32>,
        /// Its settings.
        config: Config,
    },
    /// Partitions were added to a topic.
    PartitionsAdded {
        /// Its name.
        name: String,
        /// Of the new ones.
        streams: Vec<u32>,
    },
    /// A topic was deleted with all that was in it.
    TopicDeleted {
        /// Its name.
        name: String,
    },
    /// A topic's settings are others.
    TopicConfigured {
        /// Its name.
        name: String,
        /// All of them.
        config: Config,
    },
    /// Records of a partition were removed.
    Trimmed {
        /// Of the partition.
        stream: u32,
        /// The first offset that is left.
        start: i64,
    },
    /// A group committed offsets.
    OffsetsCommitted {
        /// The group.
        group: String,
        /// What it committed.
        offsets: Vec<(TopicPartition, Committed)>,
    },
    /// Offsets of a group were removed; without any, the whole group.
    OffsetsDeleted {
        /// The group.
        group: String,
        /// Whose.
        of: Vec<TopicPartition>,
    },
    /// Something happened to a transactional id.
    Transaction {
        /// Which.
        id: String,
        /// What.
        step: Step,
    },
    /// Producer ids below this have been given away.
    ProducerIds {
        /// The next one.
        next: i64,
    },
}

/// How far a group has come in a partition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Committed {
    /// The next offset to read.
    pub offset: i64,
    /// The leader epoch of the record before it, or -1.
    pub leader_epoch: i32,
    /// Whatever the consumer wanted to have kept with it.
    pub metadata: String,
    /// When it was committed, in ms since 1970.
    pub at_ms: i64,
}

/// A topic.
#[derive(Debug, Clone)]
pub struct Topic {
    /// Its name.
    pub name: String,
    /// A number that no other topic has or had.
    pub id: u128,
    /// Its settings.
    pub config: Arc<Config>,
    /// By their numbers.
    pub partitions: Vec<Arc<Partition>>,
}

impl Topic {
    /// The partition of this number.
    pub fn partition(&self, index: i32) -> Option<&Arc<Partition>> {
        self.partitions.get(usize::try_from(index).ok()?)
    }
}

/// All of it.
#[derive(Debug)]
pub struct State {
    folder: PathBuf,
    /// By name.
    pub topics: BTreeMap<String, Arc<Topic>>,
    /// Names by id.
    pub ids: HashMap<u128, String>,
    /// By group.
    pub offsets: BTreeMap<String, BTreeMap<TopicPartition, Committed>>,
    /// Producers with transactions.
    pub transactions: Transactions,
    /// The next producer id.
    pub producer_id: i64,
    /// The stream of the next partition.
    pub stream: u32,
    /// Changes of the journal before this are in it.
    pub cut: u64,
}

/// What a snapshot holds, a record each.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Kept {
    /// Numbers, first of all.
    Numbers {
        /// See [`State`].
        producer_id: i64,
        /// See [`State`].
        stream: u32,
        /// See [`State`].
        cut: u64,
    },
    /// A topic.
    Topic {
        /// Its name.
        name: String,
        /// Its number.
        id: u128,
        /// Its settings.
        config: Config,
        /// Its partitions.
        partitions: Vec<(u32, Stored)>,
    },
    /// A transactional id.
    Transaction {
        /// Which.
        id: String,
        /// What is kept of it.
        kept: Transactional,
    },
    /// A group's offsets.
    Offsets {
        /// The group.
        group: String,
        /// All of them.
        offsets: Vec<(TopicPartition, Committed)>,
    },
}

impl State {
    /// Without anything, for partitions in `folder`.
    pub fn new(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
            topics: BTreeMap::new(),
            ids: HashMap::new(),
            offsets: BTreeMap::new(),
            transactions: Transactions::default(),
            producer_id: 0,
            stream: 1,
            cut: 0,
        }
    }

    /// Where the partitions of a topic lie.
    pub fn topic_folder(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    fn partition_folder(&self, name: &str, index: usize) -> PathBuf {
        self.topic_folder(name).join(format!("Partition-{index}"))
    }

    fn partition(&self, name: &str, index: usize, stream: u32, stored: Stored) -> Arc<Partition> {
        let log = Log::new(self.partition_folder(name, index), stored);
        Partition::new(stream, i32::try_from(index).unwrap_or(i32::MAX), log)
    }

    /// Makes a change.
    pub fn apply(&mut self, change: Change) {
        match change {
            Change::TopicCreated { name, id, streams, config } => {
                let partitions = streams.into_iter().map(|stream| (stream, Stored::default()));
                self.add_topic(name, id, config, partitions.collect());
            }
            Change::PartitionsAdded { name, streams } => self.add_partitions(&name, &streams),
            Change::TopicDeleted { name } => self.remove_topic(&name),
            Change::TopicConfigured { name, config } => {
                if let Some(topic) = self.topics.get_mut(&name) {
                    Arc::make_mut(topic).config = Arc::new(config);
                }
            }
            Change::Trimmed { .. } => {}
            Change::OffsetsCommitted { group, offsets } => {
                self.offsets.entry(group).or_default().extend(offsets);
            }
            Change::OffsetsDeleted { group, of } if of.is_empty() => {
                self.offsets.remove(&group);
            }
            Change::OffsetsDeleted { group, of } => {
                if let Some(offsets) = self.offsets.get_mut(&group) {
                    offsets.retain(|partition, _| !of.contains(partition));
                }
            }
            Change::Transaction { id, step } => {
                for (group, offsets) in self.transactions.apply(&id, step) {
                    self.offsets.entry(group).or_default().extend(offsets);
                }
            }
            Change::ProducerIds { next } => self.producer_id = self.producer_id.max(next),
        }
    }

    fn add_topic(
        &mut self,
        name: String,
        id: u128,
        config: Config,
        partitions: Vec<(u32, Stored)>,
    ) {
        let partitions = partitions.into_iter().enumerate().map(|(index, (stream, stored))| {
            self.stream = self.stream.max(stream + 1);
            self.partition(&name, index, stream, stored)
        });
        let partitions = partitions.collect();
        let topic = Topic { name: name.clone(), id, config: Arc::new(config), partitions };
        self.ids.insert(id, name.clone());
        self.topics.insert(name, Arc::new(topic));
    }

    fn add_partitions(&mut self, name: &str, streams: &[u32]) {
        let Some(topic) = self.topics.get(name) else { return };
        let mut grown = Topic::clone(topic);
        for &stream in streams {
            self.stream = self.stream.max(stream + 1);
            let index = grown.partitions.len();
            grown.partitions.push(self.partition(name, index, stream, Stored::default()));
        }
        self.topics.insert(name.to_owned(), Arc::new(grown));
    }

    fn remove_topic(&mut self, name: &str) {
        if let Some(topic) = self.topics.remove(name) {
            self.ids.remove(&topic.id);
        }
        for offsets in self.offsets.values_mut() {
            offsets.retain(|(topic, _), _| topic != name);
        }
    }

    /// Takes over a record of a snapshot.
    pub fn take(&mut self, kept: Kept) {
        match kept {
            Kept::Numbers { producer_id, stream, cut } => {
                (self.producer_id, self.stream, self.cut) = (producer_id, stream, cut);
            }
            Kept::Topic { name, id, config, partitions } => {
                self.add_topic(name, id, config, partitions);
            }
            Kept::Transaction { id, kept } => self.transactions.insert(id, kept),
            Kept::Offsets { group, offsets } => {
                self.offsets.insert(group, offsets.into_iter().collect());
            }
        }
    }

    /// All partitions.
    pub fn partitions(&self) -> impl Iterator<Item = &Arc<Partition>> {
        self.topics.values().flat_map(|topic| &topic.partitions)
    }
}
