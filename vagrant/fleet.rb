# Keeps what vagrant knows of each machine that is up, and writes it down as an
# inventory and a known_hosts file that preflight reads.

require "fileutils"
require "json"
require "yaml"

class Fleet
  INVENTORY = "inventory.vagrant.yaml"
  KNOWN_HOSTS = "known_hosts.vagrant"

  # What to write of a running machine.  Its host keys come over vagrant's own
  # connection, not by ssh-keyscan, which would trust whoever answers first.
  def self.describe(machine, address)
    keys = +""
    machine.communicate.execute("cat /etc/ssh/ssh_host_*_key.pub") do |stream, text|
      keys << text if stream == :stdout
    end
    access = machine.ssh_info
    {
      "name" => machine.name.to_s,
      "address" => address,
      "user" => access[:username],
      "identity_file" => Array(access[:private_key_path]).first,
      "host_keys" => keys.lines.map { |line| line.split.first(2).join(" ") },
    }
  end

  # directory: where the two files go, and .vagrant/preflight/ for what they are made of.
  def initialize(directory)
    @directory = directory
    @machines = File.join(directory, ".vagrant", "preflight")
  end

  def add(machine)
    changing { File.write(record(machine["name"]), JSON.generate(machine)) }
  end

  def remove(name)
    changing { FileUtils.rm_f(record(name)) }
  end

  private

  # vagrant brings several machines up at once with libvirt.
  def changing
    FileUtils.mkdir_p(@machines)
    File.open(File.join(@machines, "lock"), "w") do |lock|
      lock.flock(File::LOCK_EX)
      yield
      write
    end
  end

  def record(name)
    File.join(@machines, "#{name}.json")
  end

  def write
    machines = Dir[record("*")].sort.map { |path| JSON.parse(File.read(path)) }
    File.write(File.join(@directory, INVENTORY), inventory(machines))
    File.write(File.join(@directory, KNOWN_HOSTS), known_hosts(machines))
  end

  def inventory(machines)
    hosts = machines.to_h { |one| [one["name"], one.slice("address", "user", "identity_file")] }
    { "defaults" => { "known_hosts" => KNOWN_HOSTS }, "hosts" => hosts }.to_yaml
  end

  def known_hosts(machines)
    machines.flat_map { |one| one["host_keys"].map { |key| "#{one["address"]} #{key}\n" } }.join
  end
end
